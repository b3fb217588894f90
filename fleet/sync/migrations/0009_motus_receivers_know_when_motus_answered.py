"""Motus receivers record when Motus last answered, when all runs were last counted, and failures in a row."""

from django.db import migrations, models


def _answered_when_it_worked(apps, _editor):
    rows = apps.get_model("sync", "MotusReceiver").objects.exclude(checked_at=None)
    rows.update(asked_at=models.F("checked_at"), counted_at=models.F("checked_at"))


class Migration(migrations.Migration):
    dependencies = [
        ("sync", "0008_files_are_compared_with_motus_week_by_week"),
    ]

    operations = [
        migrations.AddField(
            model_name="motusreceiver",
            name="asked_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="motusreceiver",
            name="counted_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="motusreceiver",
            name="failures",
            field=models.SmallIntegerField(db_default=0, default=0),
        ),
        migrations.RunPython(_answered_when_it_worked, migrations.RunPython.noop),
    ]
