"""A check remembers how short the list was that it did not believe."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sync", "0002_runs_back_off_and_changes_name_stations")]

    operations = [
        migrations.AddField(
            model_name="syncrun",
            name="doubted_rows",
            field=models.IntegerField(null=True),
        ),
    ]
