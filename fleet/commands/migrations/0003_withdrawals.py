"""What became of cancelled commands outside of Roost."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """Add columns with defaults: existing commands were cancelled without a withdrawal, so theirs stays empty."""

    dependencies = [("commands", "0002_congestion"), ("core", "0006_withdrawals")]

    operations = [
        migrations.AddField(
            model_name="command",
            name="withdrawal",
            field=models.CharField(
                blank=True,
                choices=[
                    ("unsent", "Unsent"),
                    ("sought", "Sought"),
                    ("taken_back", "Taken Back"),
                    ("stopped", "Stopped"),
                    ("lapsed", "Lapsed"),
                    ("ran", "Ran"),
                ],
                db_default="",
                max_length=16,
            ),
        ),
        migrations.AddField(
            model_name="command", name="copies", field=models.SmallIntegerField(db_default=0, default=0)
        ),
        migrations.AddField(model_name="command", name="sought_at", field=models.DateTimeField(null=True)),
        migrations.AddField(model_name="command", name="ran_at", field=models.DateTimeField(null=True)),
        migrations.AddIndex(
            model_name="command",
            index=models.Index(fields=["sought_at"], name="command_sought", condition=Q(withdrawal="sought")),
        ),
    ]
