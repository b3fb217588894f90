"""Nothing: the number after which organizations goes on. Migration 0009 of ingest makes its tables in a new database."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("organizations", "0007_how_a_person_sees_files")]
