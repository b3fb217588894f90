"""Cold files are of readings or of detections, and know their first and last moment. Nothing moves by itself."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """The table is small; all existing files have readings."""

    dependencies = [("telemetry", "0013_rules_say_which_readings_are_stored")]

    operations = [
        migrations.RemoveConstraint(model_name="coldfile", name="cold_once"),
        migrations.RemoveConstraint(model_name="coldfile", name="made_once"),
        migrations.AddField(
            model_name="coldfile",
            name="kind",
            field=models.CharField(
                choices=[("readings", "readings"), ("detections", "detections")],
                db_default="readings",
                default="readings",
                max_length=10,
            ),
        ),
        migrations.AddField(model_name="coldfile", name="first_at", field=models.DateTimeField(null=True)),
        migrations.AddField(model_name="coldfile", name="last_at", field=models.DateTimeField(null=True)),
        migrations.AddConstraint(
            model_name="coldfile",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "cold")), fields=("station", "month", "kind"), name="cold_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="coldfile",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["writing", "written", "verified"])),
                fields=("station", "month", "kind"),
                name="made_once",
            ),
        ),
    ]
