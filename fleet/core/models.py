"""The outbox, mails on their way, the pulses by which we know our own downtime, and the audit log."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class OutboxMessage(models.Model):
    """Something to be published, written in the transaction of the change that caused it.

        waiting ──relay publishes, broker confirms──▶ published ──a day later──▶ deleted

    `target` says where: `command`, its `withdrawal` and `event` go to vhost fleet, `job` is a Celery task named by
    `routing_key`.
    """

    class Target(models.TextChoices):
        """Where a message goes."""

        COMMAND = "command"
        WITHDRAWAL = "withdrawal"
        EVENT = "event"
        JOB = "job"

    id = models.BigAutoField(primary_key=True)
    target = models.CharField(max_length=16, choices=Target.choices)
    routing_key = models.CharField(max_length=255)
    body = models.JSONField()
    message_id = models.CharField(max_length=128, blank=True)
    expires_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    attempts = models.IntegerField(default=0)
    #: Not before this moment, after a failed attempt.
    due_at = models.DateTimeField()
    published_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)

    class Meta:
        """Only the waiting rows are indexed: they are few."""

        indexes = [
            models.Index(fields=["id"], name="outbox_waiting", condition=Q(published_at=None)),
            models.Index(fields=["published_at"], name="outbox_published", condition=~Q(published_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.target} {self.routing_key}"


class Mail(models.Model):
    """A mail that no mail server has taken yet. It may hold a link that opens an account, so it is gone once sent.

        due ──taken, for five minutes──▶ accepted, or refused for good ──▶ deleted
        due ◀── later, and later still ── refused for now, or nobody there
        three days old ──▶ deleted

    Links in mails live no longer than that.
    """

    id = models.BigAutoField(primary_key=True)
    sender = models.CharField(max_length=320)
    recipients = models.JSONField()
    subject = models.TextField()
    body = models.TextField()
    headers = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    attempts = models.IntegerField(default=0)
    #: Not before this moment: somebody else is sending it, or the last attempt failed.
    due_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"mail {self.id}"


class Pulse(models.Model):
    """The last moment at which a part of Roost was known to work, by name (`ingest`, `canary.tasks` …)."""

    name = models.CharField(max_length=64, primary_key=True)
    beat_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} at {self.beat_at:%Y-%m-%d %H:%M:%S}"


class Outage(models.Model):
    """A time in which Roost itself was not listening. Silence of stations in it is not counted."""

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=64)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()

    class Meta:
        """Asked for by time."""

        indexes = [models.Index(fields=["-ended_at"])]

    def __str__(self) -> str:
        return f"{self.name} down {self.started_at:%Y-%m-%d %H:%M} to {self.ended_at:%H:%M}"


class AuditEntry(models.Model):
    """Who changed what, when, and from where. Written by services, never edited."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    #: None: done by Roost itself.
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    actor_name = models.CharField(max_length=150, blank=True)
    #: First letters of the API key that was used; empty without one.
    key_prefix = models.CharField(max_length=16, blank=True, db_default="")
    #: Network address that asked; empty for what no request asked for.
    address = models.CharField(max_length=45, blank=True, db_default="")
    organization_id = models.BigIntegerField(null=True)
    action = models.CharField(max_length=64)
    subject = models.CharField(max_length=200)
    detail = models.JSONField(default=dict)

    class Meta:
        """Read newest first within an organization, also those of one person, kind or subject alone."""

        indexes = [
            models.Index(fields=["organization_id", "-at", "-id"], name="audit_newest"),
            models.Index(fields=["organization_id", "actor_name", "-at", "-id"], name="audit_of_actor"),
            models.Index(fields=["organization_id", "action", "-at", "-id"], name="audit_of_action"),
            models.Index(fields=["organization_id", "subject", "-at", "-id"], name="audit_of_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"


class RequestDone(models.Model):
    """A request that was done under a key of its sender's, and its answer, so that a repeat is not done again."""

    #: SHA-256 of asker, address and key.
    where = models.CharField(max_length=64, primary_key=True)
    #: SHA-256 of the body.
    body = models.CharField(max_length=64)
    at = models.DateTimeField(db_index=True)
    status = models.IntegerField(default=0)
    content_type = models.CharField(max_length=120, blank=True)
    answer = models.TextField(blank=True)
    #: The answer held what is shown once, and is not kept.
    is_secret = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.status} at {self.at:%Y-%m-%d %H:%M:%S}"


class DeadJob(models.Model):
    """A job that killed its worker time and again, taken out of the broker's queue of the dead for somebody to look at.

    held ──▶ retried | discarded
    """

    class State(models.TextChoices):
        """What became of it."""

        HELD = "held"
        RETRIED = "retried"
        DISCARDED = "discarded"

    id = models.BigAutoField(primary_key=True)
    #: Its id on the broker: taken twice, it is one row.
    job_id = models.CharField(max_length=64, unique=True)
    #: Empty when the message could not be read.
    task = models.CharField(max_length=128)
    arguments = models.JSONField()
    found_at = models.DateTimeField()
    state = models.CharField(max_length=16, choices=State.choices, default=State.HELD)
    decided_at = models.DateTimeField(null=True)

    class Meta:
        """Those that wait are few."""

        indexes = [models.Index(fields=["id"], name="deadjob_held", condition=Q(state="held"))]

    def __str__(self) -> str:
        return f"{self.task} {self.job_id}"
