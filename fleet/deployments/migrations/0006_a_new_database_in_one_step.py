"""Nothing: the number after which deployments goes on. Migration 0009 of ingest makes its tables in a new database."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("deployments", "0005_antennas_have_a_beam")]
