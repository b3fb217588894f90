"""Nothing: the number after which stations goes on. Its tables in a new database come from ingest 0009."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("stations", "0018_stations_know_their_planned_maintenance")]
