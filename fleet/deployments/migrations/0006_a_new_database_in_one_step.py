"""Nothing: the number after which deployments goes on. Its tables in a new database come from ingest 0009."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("deployments", "0005_antennas_have_a_beam")]
