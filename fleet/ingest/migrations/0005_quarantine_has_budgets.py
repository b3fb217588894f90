"""Quarantine counts and limits the messages that it holds of a station."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

COUNT = """
INSERT INTO ingest_quarantinetally (station_id, reason, kept, kept_bytes)
SELECT station_id, reason, count(*), coalesce(sum(body_bytes), 0) FROM ingest_quarantinedmessage
WHERE state = 'held' GROUP BY station_id, reason
"""


class Migration(migrations.Migration):
    """Messages that are held already count."""

    dependencies = [
        ("ingest", "0004_messages_wait_unread"),
        ("stations", "0009_reports_have_a_bucket"),
    ]

    operations = [
        migrations.CreateModel(
            name="QuarantineTally",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "station",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="quarantine_tallies",
                        to="stations.station",
                    ),
                ),
                ("reason", models.CharField(max_length=32)),
                ("kept", models.BigIntegerField(db_default=0, default=0)),
                ("kept_bytes", models.BigIntegerField(db_default=0, default=0)),
                ("cut", models.BigIntegerField(db_default=0, default=0)),
                ("cut_bytes", models.BigIntegerField(db_default=0, default=0)),
                ("first_cut_at", models.DateTimeField(null=True)),
                ("last_cut_at", models.DateTimeField(null=True)),
                ("sentence", models.TextField(blank=True, db_default="", default="")),
                ("body_start", models.BinaryField(db_default=b"", default=b"")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("station", "reason"), name="quarantine_tally", nulls_distinct=False)
                ]
            },
        ),
        migrations.RunSQL(COUNT, migrations.RunSQL.noop),
        migrations.RemoveIndex("quarantinedmessage", "quarantine_gapped"),
        migrations.AddIndex(
            "quarantinedmessage",
            models.Index(
                condition=Q(reason__in=("too-many-gaps", "too-many-streams")),
                fields=["station", "stream", "seq"],
                name="quarantine_gapped",
            ),
        ),
    ]
