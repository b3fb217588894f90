"""Quarantine: what a station sent and could not be taken, kept whole with its reason."""

from django.db import models

from fleet.stations.models import Station


class QuarantinedMessage(models.Model):
    """One message that was not taken. It is kept until somebody replays or discards it.

    held ──▶ replayed | discarded
    """

    class State(models.TextChoices):
        """What became of it."""

        HELD = "held"
        REPLAYED = "replayed"
        DISCARDED = "discarded"

    id = models.BigAutoField(primary_key=True)
    #: None when the exchange belongs to no station we know.
    station = models.ForeignKey(Station, null=True, on_delete=models.CASCADE, related_name="quarantined")
    exchange = models.CharField(max_length=128)
    routing_key = models.CharField(max_length=255)
    #: One word for filters, and the sentence for people.
    reason = models.CharField(max_length=32)
    sentence = models.TextField()
    #: AMQP properties and headers as JSON, values cut to a readable length.
    properties = models.JSONField(default=dict)
    body = models.BinaryField()
    #: Length before anything was cut.
    body_bytes = models.IntegerField()
    stream = models.CharField(max_length=64, blank=True)
    seq = models.BigIntegerField(null=True)
    received_at = models.DateTimeField()
    state = models.CharField(max_length=16, choices=State.choices, default=State.HELD)

    class Meta:
        """Read newest first, by station."""

        indexes = [models.Index(fields=["station", "-received_at"]), models.Index(fields=["-received_at"])]

    def __str__(self) -> str:
        return f"{self.reason} from {self.exchange}"
