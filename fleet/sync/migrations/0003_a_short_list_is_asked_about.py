"""A check records the length of a list that it rejected as suspiciously short."""

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
