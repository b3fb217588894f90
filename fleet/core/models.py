"""The outbox, the mail queue, the pulses that show our own downtime, the audit log, answered requests and dead jobs."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class OutboxMessage(models.Model):
    """A message to be published, written in the transaction of the change that caused it.

        waiting ──relay publishes, broker confirms──▶ published ──a day later──▶ deleted

    `target` says where: `command`, its `withdrawal` and `event` go to vhost fleet, `job` is a Celery task named by
    `routing_key`.
    """

    class Target(models.TextChoices):
        """The kinds of destination."""

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
    #: Earliest time of the next attempt.
    due_at = models.DateTimeField()
    published_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)

    class Meta:
        """The waiting rows have an index of their own because they are few."""

        indexes = [
            models.Index(fields=["id"], name="outbox_waiting", condition=Q(published_at=None)),
            models.Index(fields=["published_at"], name="outbox_published", condition=~Q(published_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.target} {self.routing_key}"


class Mail(models.Model):
    """A mail that no server has accepted yet. It may hold a link that opens an account, so it is deleted once sent.

        due ──claimed, for five minutes──▶ accepted, or permanently refused ──▶ deleted
        due ◀── with growing delay ── refused for now, or server unreachable
        three days old ──▶ deleted

    Links in mails do not live longer than that.
    """

    id = models.BigAutoField(primary_key=True)
    sender = models.CharField(max_length=320)
    recipients = models.JSONField()
    subject = models.TextField()
    body = models.TextField()
    headers = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    attempts = models.IntegerField(default=0)
    #: Earliest time of the next attempt. Until then a job is sending it, or it waits after a failure.
    due_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"mail {self.id}"


class Pulse(models.Model):
    """When a part of Roost was last known to work, by name (`ingest`, `canary.tasks` …)."""

    name = models.CharField(max_length=64, primary_key=True)
    beat_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} at {self.beat_at:%Y-%m-%d %H:%M:%S}"


class Outage(models.Model):
    """A period in which Roost itself was not listening. Stations' silence during it does not count."""

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=64)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()

    class Meta:
        """Queried by time."""

        indexes = [models.Index(fields=["-ended_at"])]

    def __str__(self) -> str:
        return f"{self.name} down {self.started_at:%Y-%m-%d %H:%M} to {self.ended_at:%H:%M}"


class AuditEntry(models.Model):
    """One change: who made it, when, and from where. Written by services, never edited."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    #: None: Roost itself, the command line, a key, or a deleted person.
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    actor_name = models.CharField(max_length=150, blank=True)
    #: First letters of the API key that was used; empty without a key.
    key_prefix = models.CharField(max_length=16, blank=True, db_default="")
    #: Network address of the request; empty if there was none.
    address = models.CharField(max_length=45, blank=True, db_default="")
    organization_id = models.BigIntegerField(null=True)
    action = models.CharField(max_length=64)
    subject = models.CharField(max_length=200)
    detail = models.JSONField(default=dict)

    class Meta:
        """Read newest first within an organization, optionally for one person, action or subject."""

        indexes = [
            models.Index(fields=["organization_id", "-at", "-id"], name="audit_newest"),
            models.Index(fields=["organization_id", "actor_name", "-at", "-id"], name="audit_of_actor"),
            models.Index(fields=["organization_id", "action", "-at", "-id"], name="audit_of_action"),
            models.Index(fields=["organization_id", "subject", "-at", "-id"], name="audit_of_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"


class RequestDone(models.Model):
    """A request that came with an idempotency key, and its answer, so that a repeat is not executed again."""

    #: SHA-256 of sender, path and idempotency key.
    where = models.CharField(max_length=64, primary_key=True)
    #: SHA-256 of the body.
    body = models.CharField(max_length=64)
    at = models.DateTimeField(db_index=True)
    status = models.IntegerField(default=0)
    content_type = models.CharField(max_length=120, blank=True)
    answer = models.TextField(blank=True)
    #: The answer held a secret that is shown only once, so its body was not kept.
    is_secret = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.status} at {self.at:%Y-%m-%d %H:%M:%S}"


class DeadJob(models.Model):
    """A job that repeatedly killed its worker, moved from the broker's dead letter queue here for somebody to look at.

    held ──▶ retried | discarded
    """

    class State(models.TextChoices):
        """The state of a job that was set aside."""

        HELD = "held"
        RETRIED = "retried"
        DISCARDED = "discarded"

    id = models.BigAutoField(primary_key=True)
    #: Its id on the broker, so that a job moved twice is still one row.
    job_id = models.CharField(max_length=64, unique=True)
    #: Empty when the message could not be read.
    task = models.CharField(max_length=128)
    arguments = models.JSONField()
    found_at = models.DateTimeField()
    state = models.CharField(max_length=16, choices=State.choices, default=State.HELD)
    decided_at = models.DateTimeField(null=True)

    class Meta:
        """Only the held rows are indexed: they are few."""

        indexes = [models.Index(fields=["id"], name="deadjob_held", condition=Q(state="held"))]

    def __str__(self) -> str:
        return f"{self.task} {self.job_id}"
