"""Uploads to Motus: the raw files of one receiver and one day, and what became of them."""

from django.db import models

from fleet.sync.models.motus import MotusAccount


class MotusUpload(models.Model):
    """One archive for Motus.

    found ──▶ queued ──▶ sent ──▶ data
      │          │         ├────▶ refused
      ▼          ├──▶ known (Motus has its contents already)
    held ◀───────┴──▶ refused (by Motus, permanently)

    `held`: a check advises against it, or its files changed since; a person may queue it all the same, and the next
    search checks it again. A failure that may pass leaves it queued,
    with the moment of the next try.
    """

    class State(models.TextChoices):
        """State of the archive."""

        FOUND = "found"
        HELD = "held"
        QUEUED = "queued"
        SENT = "sent"
        DATA = "data"
        KNOWN = "known"
        REFUSED = "refused"

    class HeldFor(models.TextChoices):
        """Why it is held."""

        FILES = "files"
        SIZE = "size"
        DEPLOYMENT = "deployment"
        STATION = "station"
        CHANGED = "changed"

    id = models.BigAutoField(primary_key=True)
    account = models.ForeignKey(MotusAccount, on_delete=models.CASCADE, related_name="uploads")
    #: The station's serial when its files were found, and the UTC day of all of them.
    serial = models.CharField(max_length=128)
    day = models.DateField()
    project_id = models.IntegerField(null=True)
    #: For each file: name, size, mark (of its content or change), plain (octets when unpacked), refusal (why it is left
    #: out, or empty), is_copy (left out because the same file is sent), said (Motus' own words on it), and is_set_aside
    #: (Motus did not use it).
    files = models.JSONField(default=list)
    state = models.CharField(max_length=16, choices=State.choices, default=State.FOUND)
    held_for = models.CharField(max_length=16, choices=HeldFor.choices, blank=True, default="")
    #: The last outcome, and what the checks warn of, as sentences.
    sentence = models.TextField(blank=True, default="")
    warnings = models.TextField(blank=True, default="")
    sha1 = models.CharField(max_length=40, blank=True, default="")
    octets = models.BigIntegerField(default=0)
    job_id = models.BigIntegerField(null=True)
    #: Failures in a row: of sending it while it is queued, of asking about its job once it is sent.
    attempts = models.SmallIntegerField(default=0)
    #: Not before this moment is it tried or asked about again.
    next_try_at = models.DateTimeField(null=True)
    found_at = models.DateTimeField()
    #: When Motus was last asked to process it: if the answer is lost, the archive is known there as ours.
    transfer_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        """Read by day, and by what is due."""

        indexes = [
            models.Index(fields=["account", "-day", "-id"]),
            models.Index(fields=["account", "serial", "day"]),
            models.Index(fields=["state", "next_try_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.serial} {self.day}"
