"""Nothing: the number after which stations goes on. Migration 0009 of ingest makes its tables in a new database."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("stations", "0018_stations_know_their_planned_maintenance")]
