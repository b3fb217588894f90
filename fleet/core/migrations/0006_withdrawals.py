"""A message may be the withdrawal of a command."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """A choice more; nothing changes in the database."""

    dependencies = [("core", "0005_dead_jobs")]

    operations = [
        migrations.AlterField(
            model_name="outboxmessage",
            name="target",
            field=models.CharField(
                choices=[
                    ("command", "Command"),
                    ("withdrawal", "Withdrawal"),
                    ("event", "Event"),
                    ("job", "Job"),
                ],
                max_length=16,
            ),
        )
    ]
