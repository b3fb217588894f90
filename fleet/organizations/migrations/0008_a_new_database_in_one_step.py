"""Nothing: the number after which organizations goes on. Its tables in a new database come from ingest 0009."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("organizations", "0007_how_a_person_sees_files")]
