"""Uploads to Motus: the raw files of one receiver and one day, and what became of them."""

from django.db import models

from fleet.sync.models.motus import MotusAccount


class MotusUpload(models.Model):
    """One archive for Motus.

    found ──▶ queued ──▶ sent ──▶ data
      │          │         ├────▶ refused
      ▼          ├──▶ known (Motus has its contents already)
    held ◀───────┴──▶ refused (by Motus, permanently)

    `held`: a check advises against sending it, or its files have changed; a person may queue it all the same, and the
    next search checks it again. After a temporary failure it stays queued, with the moment of the next try.
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
    #: For each file: name, size, mark (changes with its content), plain (octets when unpacked), refusal (why it is left
    #: out, or empty), is_copy (left out because the same file is sent), said (Motus' remark on it), and is_set_aside
    #: (Motus did not use it).
    files = models.JSONField(default=list)
    state = models.CharField(max_length=16, choices=State.choices, default=State.FOUND)
    held_for = models.CharField(max_length=16, choices=HeldFor.choices, blank=True, default="")
    #: The last outcome, and the warnings of the checks, as sentences.
    sentence = models.TextField(blank=True, default="")
    warnings = models.TextField(blank=True, default="")
    sha1 = models.CharField(max_length=40, blank=True, default="")
    octets = models.BigIntegerField(default=0)
    job_id = models.BigIntegerField(null=True)
    #: Failures in a row: to send it while it is queued, to ask about its job once it is sent.
    attempts = models.SmallIntegerField(default=0)
    #: When to try or ask again at the earliest.
    next_try_at = models.DateTimeField(null=True)
    found_at = models.DateTimeField()
    #: When Motus was last asked to process it. If the answer is lost, this shows that a known archive there is ours.
    transfer_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        """Read by day, and by the time of the next try."""

        indexes = [
            models.Index(fields=["account", "-day", "-id"]),
            models.Index(fields=["account", "serial", "day"]),
            models.Index(fields=["state", "next_try_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.serial} {self.day}"
