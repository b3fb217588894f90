"""Stations, their enrolment tokens and credentials, and how we stand with each: the contact."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper
from django.utils.translation import gettext as _

from fleet.organizations.models import Organization
from fleet.stations.models.sorting import StationModel


class Station(models.Model):
    """A device in the field. Its serial is its name on the broker; it belongs to one organization.

    in service ──retire──▶ retired ──its serial is wanted again──▶ archived as `<serial>~<n>`, with a successor
        └──move to another organization, the history stays──▶ archived, with a successor there
    any of them ──delete for good──▶ deleted: nobody sees it, its rows go step by step, and at last its own
    """

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="stations")
    #: As the broker knows it, up to 64 characters, in the case in which it was registered; it is found in any. `~` and a
    #: number behind it are no part of a name on the broker.
    serial = models.CharField(max_length=80, unique=True)
    name = models.CharField(max_length=120, blank=True)
    notes = models.TextField(blank=True)
    model = models.ForeignKey(StationModel, null=True, blank=True, on_delete=models.SET_NULL, related_name="stations")
    #: What the operator expects between two contacts, in seconds; used when the station announces nothing.
    operator_interval_s = models.FloatField(null=True, blank=True)
    #: Generation of the broker credentials; 0 before the first enrolment.
    generation = models.IntegerField(default=0)
    is_in_maintenance = models.BooleanField(default=False)
    #: Until then the station is known to sleep, and silence is expected.
    asleep_until = models.DateTimeField(null=True, blank=True)
    registered_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    #: Which station bore the serial before, and until when: what was made before that moment is the other's.
    predecessor = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="successors")
    moved_at = models.DateTimeField(null=True, blank=True)
    #: Since when it may not send, and why (one word); see `fleet.stations.logins.suspension`.
    suspended_at = models.DateTimeField(null=True, blank=True)
    suspended_reason = models.CharField(max_length=32, blank=True, default="", db_default="")
    #: What its link may carry in a month, both ways.
    data_plan_bytes = models.BigIntegerField(null=True, blank=True)
    #: Its own quota where the server's is not right for it; see `fleet.ingest.limits.quota`.
    quota_messages_per_s = models.FloatField(null=True, blank=True)
    quota_bytes_per_hour = models.FloatField(null=True, blank=True)

    class Meta:
        """The fleet page lists an organization's stations by name."""

        indexes = [models.Index(fields=["organization", "serial"])]
        constraints = [models.UniqueConstraint(Upper("serial"), name="station_serial_once_whatever_its_case")]

    def __str__(self) -> str:
        return f"{self.name} ({self.spoken_serial})" if self.name else self.spoken_serial

    @property
    def spoken_serial(self) -> str:
        """The serial as people read it: of one whose serial went to another device, with the day when it did."""
        serial, mark, _number = self.serial.partition("~")
        if not mark or self.retired_at is None:
            return self.serial
        return _("%(serial)s (until %(day)s)") % {"serial": serial, "day": f"{self.retired_at:%Y-%m-%d}"}


class StationContact(models.Model):
    """When we heard from a station and what it said of itself; one row per station, written by ingest.

        never_seen ──contact──▶ on_time ──late_after──▶ late ──silent_after──▶ silent
                                   ▲                      │                      │
                                   └───────contact────────┴───────contact────────┘

    Moved only by conditional UPDATE: contact by ingest, the deadlines by the sweep. Maintenance, sleep by plan
    and retirement lie over it (on the station) and are not states of the contact.
    """

    class State(models.TextChoices):
        """How we stand with the station."""

        NEVER_SEEN = "never_seen"
        ON_TIME = "on_time"
        LATE = "late"
        SILENT = "silent"

    station = models.OneToOneField(Station, on_delete=models.CASCADE, primary_key=True, related_name="contact")
    state = models.CharField(max_length=16, choices=State.choices, default=State.NEVER_SEEN)
    #: Server's clock.
    first_contact_at = models.DateTimeField(null=True)
    last_contact_at = models.DateTimeField(null=True)
    #: Seconds until the next contact as the station itself announced, and as learned from its rhythm.
    announced_interval_s = models.FloatField(null=True)
    learned_interval_s = models.FloatField(null=True)
    late_after = models.DateTimeField(null=True)
    silent_after = models.DateTimeField(null=True)
    #: What still waits on the station: by its own word (health), in messages and bytes; nothing once all is here that it
    #: had numbered.
    backlog_messages = models.BigIntegerField(null=True)
    backlog_bytes = models.BigIntegerField(null=True)
    #: The newest health message by the station's clock, as sent; and when it was taken and received.
    health = models.JSONField(default=dict)
    health_occurred_at = models.DateTimeField(null=True)
    health_received_at = models.DateTimeField(null=True)
    #: Where it stands in the station's own sequence, see `fleet.ingest.sequence`; so for hello and announcement.
    health_stream = models.BigIntegerField(null=True)
    health_seq = models.BigIntegerField(null=True)
    hello_stream = models.BigIntegerField(null=True)
    hello_seq = models.BigIntegerField(null=True)
    hello_at = models.DateTimeField(null=True)
    announced_stream = models.BigIntegerField(null=True)
    announced_seq = models.BigIntegerField(null=True)
    announced_at = models.DateTimeField(null=True)
    #: The newest hello, as sent.
    hello = models.JSONField(default=dict)
    hello_received_at = models.DateTimeField(null=True)
    #: Fields of its newest messages that our contracts do not know, as sent, by kind and place.
    also_said = models.JSONField(default=dict, db_default={})
    #: Its address in its own network, as its hello says.
    address = models.GenericIPAddressField(null=True)
    #: Station's clock minus ours at the last health or hello, in seconds (transit time included).
    clock_offset_s = models.FloatField(null=True)
    #: Buckets of its quota as of `quota_at`, see `fleet.ingest.limits.quota`; and since when it sends far more than that.
    quota_messages = models.FloatField(null=True)
    quota_bytes = models.FloatField(null=True)
    quota_excess = models.FloatField(default=0.0, db_default=0.0)
    quota_reports = models.FloatField(null=True)
    quota_at = models.DateTimeField(null=True)
    flooding_since = models.DateTimeField(null=True)
    #: The agent's count of bytes on its link when it was last heard of.
    data_counter = models.CharField(max_length=64, default="", db_default="", blank=True)
    data_sent = models.BigIntegerField(null=True)
    data_received = models.BigIntegerField(null=True)
    #: Counts how often serial or organization of the station changed: ingest remembers stations, and looks here whether
    #: what it remembers still holds.
    epoch = models.IntegerField(default=0, db_default=0)

    class Meta:
        """The sweeps ask only for rows whose deadline has passed."""

        indexes = [
            models.Index(fields=["late_after"], name="contact_late_after", condition=Q(state="on_time")),
            models.Index(
                fields=["silent_after"], name="contact_silent_after", condition=Q(state__in=["on_time", "late"])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.station_id} {self.state}"


class DeskQuota(models.Model):
    """What is left of the quota of the desks that upload a station's files; see `fleet.ingest.limits.desk_quota`."""

    station = models.OneToOneField(Station, on_delete=models.CASCADE, primary_key=True, related_name="desk_quota")
    messages = models.FloatField(null=True)
    bytes = models.FloatField(null=True)
    excess = models.FloatField(default=0.0)
    at = models.DateTimeField(null=True)
    flooding_since = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"desks of {self.station_id}"


class StationDataUse(models.Model):
    """One month of a station: what it sent, and what its link carried. Written by ingest."""

    pk = models.CompositePrimaryKey("station", "month")
    station = models.ForeignKey(Station, on_delete=models.CASCADE, related_name="data_use")
    #: The month's first day, UTC.
    month = models.DateField()
    first_at = models.DateTimeField()
    #: Messages and bytes of their bodies as they came, repeats among them.
    messages = models.BigIntegerField()
    payload_bytes = models.BigIntegerField()
    #: Bytes on the link by the agent's count; None when it does not count.
    sent = models.BigIntegerField(null=True)
    received = models.BigIntegerField(null=True)

    def __str__(self) -> str:
        return f"{self.station_id} {self.month}"


class LoginPurpose(models.TextChoices):
    """What a login on the broker is for."""

    #: The device in the field: sends, and takes its commands.
    STATION = "station"
    #: A desk that reads the station's cards: writes to an exchange of its own, reads nothing, and is no contact.
    UPLOAD = "upload"


class EnrolmentToken(models.Model):
    """A token with which a station fetches its credentials, once, before it expires. Stored as SHA-256."""

    id = models.BigAutoField(primary_key=True)
    station = models.ForeignKey(Station, on_delete=models.CASCADE, related_name="enrolment_tokens")
    token_hash = models.CharField(max_length=64, unique=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    purpose = models.CharField(
        max_length=8, choices=LoginPurpose.choices, default=LoginPurpose.STATION, db_default=LoginPurpose.STATION.value
    )
    #: The older logins go on for a while when this one is used; see `fleet.stations.logins.rotation`.
    is_rotation = models.BooleanField(default=False, db_default=False)

    def __str__(self) -> str:
        return f"token {self.pk} of station {self.station_id}"


class Credential(models.Model):
    """One generation of a station's broker login. The password is known to the station only.

    issued ──▶ revoked     (never back: the next one is a new generation with a new user name)
      └──rotated: works on until `ends_at`, or until the next one is in use──▶ revoked
    """

    id = models.BigAutoField(primary_key=True)
    station = models.ForeignKey(Station, on_delete=models.CASCADE, related_name="credentials")
    generation = models.IntegerField()
    username = models.CharField(max_length=96, unique=True)
    purpose = models.CharField(
        max_length=8, choices=LoginPurpose.choices, default=LoginPurpose.STATION, db_default=LoginPurpose.STATION.value
    )
    hardware = models.JSONField(default=dict)
    issued_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        """A generation is given out once. The few that are about to end are found at once."""

        constraints = [models.UniqueConstraint(fields=["station", "generation"], name="credential_generation_once")]
        indexes = [
            models.Index(fields=["ends_at"], name="credential_ends", condition=Q(revoked_at=None) & ~Q(ends_at=None))
        ]

    def __str__(self) -> str:
        return self.username
