"""The tables of core in a new database."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

TABLES = [
    migrations.CreateModel(
        name="Pulse",
        fields=[
            ("name", models.CharField(max_length=64, primary_key=True, serialize=False)),
            ("beat_at", models.DateTimeField()),
        ],
    ),
    migrations.CreateModel(
        name="Outage",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("name", models.CharField(max_length=64)),
            ("started_at", models.DateTimeField()),
            ("ended_at", models.DateTimeField()),
        ],
        options={
            "indexes": [models.Index(fields=["-ended_at"], name="core_outage_ended_a_9fe0f6_idx")],
        },
    ),
    migrations.CreateModel(
        name="OutboxMessage",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            (
                "target",
                models.CharField(
                    choices=[("command", "Command"), ("withdrawal", "Withdrawal"), ("event", "Event"), ("job", "Job")],
                    max_length=16,
                ),
            ),
            ("routing_key", models.CharField(max_length=255)),
            ("body", models.JSONField()),
            ("message_id", models.CharField(blank=True, max_length=128)),
            ("expires_at", models.DateTimeField(null=True)),
            ("created_at", models.DateTimeField()),
            ("attempts", models.IntegerField(default=0)),
            ("due_at", models.DateTimeField()),
            ("published_at", models.DateTimeField(null=True)),
            ("last_error", models.TextField(blank=True)),
        ],
        options={
            "indexes": [
                models.Index(condition=models.Q(("published_at", None)), fields=["id"], name="outbox_waiting"),
                models.Index(
                    condition=models.Q(("published_at", None), _negated=True),
                    fields=["published_at"],
                    name="outbox_published",
                ),
            ],
        },
    ),
    migrations.CreateModel(
        name="AuditEntry",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("at", models.DateTimeField()),
            ("actor_name", models.CharField(blank=True, max_length=150)),
            ("organization_id", models.BigIntegerField(null=True)),
            ("action", models.CharField(max_length=64)),
            ("subject", models.CharField(max_length=200)),
            ("detail", models.JSONField(default=dict)),
            (
                "actor",
                models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL),
            ),
            ("address", models.CharField(blank=True, db_default="", max_length=45)),
            ("key_prefix", models.CharField(blank=True, db_default="", max_length=16)),
        ],
        options={
            "indexes": [
                models.Index(fields=["organization_id", "-at", "-id"], name="audit_newest"),
                models.Index(fields=["organization_id", "actor_name", "-at", "-id"], name="audit_of_actor"),
                models.Index(fields=["organization_id", "action", "-at", "-id"], name="audit_of_action"),
                models.Index(fields=["organization_id", "subject", "-at", "-id"], name="audit_of_subject"),
            ],
        },
    ),
    migrations.CreateModel(
        name="Mail",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("sender", models.CharField(max_length=320)),
            ("recipients", models.JSONField()),
            ("subject", models.TextField()),
            ("body", models.TextField()),
            ("headers", models.JSONField(default=dict)),
            ("created_at", models.DateTimeField()),
            ("attempts", models.IntegerField(default=0)),
            ("due_at", models.DateTimeField(db_index=True)),
        ],
    ),
    migrations.CreateModel(
        name="RequestDone",
        fields=[
            ("where", models.CharField(max_length=64, primary_key=True, serialize=False)),
            ("body", models.CharField(max_length=64)),
            ("at", models.DateTimeField(db_index=True)),
            ("status", models.IntegerField(default=0)),
            ("content_type", models.CharField(blank=True, max_length=120)),
            ("answer", models.TextField(blank=True)),
            ("is_secret", models.BooleanField(default=False)),
        ],
    ),
    migrations.CreateModel(
        name="DeadJob",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("job_id", models.CharField(max_length=64, unique=True)),
            ("task", models.CharField(max_length=128)),
            ("arguments", models.JSONField()),
            ("found_at", models.DateTimeField()),
            (
                "state",
                models.CharField(
                    choices=[("held", "Held"), ("retried", "Retried"), ("discarded", "Discarded")],
                    default="held",
                    max_length=16,
                ),
            ),
            ("decided_at", models.DateTimeField(null=True)),
        ],
        options={
            "indexes": [models.Index(condition=models.Q(("state", "held")), fields=["id"], name="deadjob_held")],
        },
    ),
]
