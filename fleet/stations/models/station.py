"""Stations, their enrolment tokens and credentials, and the contact with each of them."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper
from django.utils.translation import gettext as _

from fleet.core.spoken import day_words
from fleet.organizations.models import Organization
from fleet.stations.models.sorting import StationModel


class Station(models.Model):
    """A device in the field. Its serial is its name on the broker; it belongs to one organization.

    in service ──retire──▶ retired ──its serial is registered again──▶ archived as `<serial>~<n>`, with a successor
        └──move to another organization, the history stays──▶ archived, with a successor there
    any of them ──delete permanently──▶ deleted: invisible; its rows are removed step by step, its own last
    """

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="stations")
    #: As the broker knows it, up to 64 characters, in the case it was registered in; lookups ignore case. `~` and a
    #: number at the end are not part of any name on the broker.
    serial = models.CharField(max_length=80, unique=True)
    name = models.CharField(max_length=120, blank=True)
    notes = models.TextField(blank=True)
    model = models.ForeignKey(StationModel, null=True, blank=True, on_delete=models.SET_NULL, related_name="stations")
    #: The interval between two contacts that the operator expects, in seconds; used if the station announces none.
    operator_interval_s = models.FloatField(null=True, blank=True)
    #: Generation of the newest broker login; 0 before the first enrolment.
    generation = models.IntegerField(default=0)
    is_in_maintenance = models.BooleanField(default=False)
    #: When its maintenance ends by itself; None: when somebody ends it.
    maintenance_until = models.DateTimeField(null=True, blank=True)
    #: End and reason of the planned maintenance that is under way; see `fleet.alerts.maintenance`.
    window_until = models.DateTimeField(null=True, blank=True)
    window_reason = models.CharField(max_length=200, blank=True, default="", db_default="")
    #: The station is known to sleep until then, and its silence is expected.
    asleep_until = models.DateTimeField(null=True, blank=True)
    registered_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    #: The station that had this serial before, and until when: data from before that moment belongs to it.
    predecessor = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="successors")
    moved_at = models.DateTimeField(null=True, blank=True)
    #: The station of the same organization through which it reaches us: its gateway. See `fleet.stations.parents`.
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="children")
    #: Since when it is suspended, and why (one word); see `fleet.stations.logins.suspension`.
    suspended_at = models.DateTimeField(null=True, blank=True)
    suspended_reason = models.CharField(max_length=32, blank=True, default="", db_default="")
    #: Bytes its link may carry per month, both ways together.
    data_plan_bytes = models.BigIntegerField(null=True, blank=True)
    #: Its own quota, if the server's does not suit it; see `fleet.ingest.limits.quota`.
    quota_messages_per_s = models.FloatField(null=True, blank=True)
    quota_bytes_per_hour = models.FloatField(null=True, blank=True)

    class Meta:
        """The fleet page lists an organization's stations; serials that differ only in case count as the same."""

        indexes = [
            models.Index(fields=["organization", "serial"]),
            models.Index(fields=["organization"], name="station_in_window", condition=~Q(window_until=None)),
            models.Index(
                fields=["maintenance_until"], name="station_maintenance_ends", condition=~Q(maintenance_until=None)
            ),
        ]
        constraints = [models.UniqueConstraint(Upper("serial"), name="station_serial_once_whatever_its_case")]

    def __str__(self) -> str:
        return f"{self.name} ({self.spoken_serial})" if self.name else self.spoken_serial

    def audited_as(self) -> tuple[int | None, str]:
        """Organization and name for the audit log."""
        return self.organization_id, self.serial

    @property
    def spoken_serial(self) -> str:
        """The serial for people; if a retired station gave it up to another, with the day."""
        serial, mark, _number = self.serial.partition("~")
        if not mark or self.retired_at is None:
            return self.serial
        return _("%(serial)s (until %(day)s)") % {"serial": serial, "day": day_words(self.retired_at)}


class StationContact(models.Model):
    """The last contact with a station and what it reported; one row per station, written by ingest.

        never_seen ──contact──▶ on_time ──late_after──▶ late ──silent_after──▶ silent
                                   ▲                      │                      │
                                   └───────contact────────┴───────contact────────┘

    Changed only by conditional UPDATE: contact by ingest, the deadlines by the sweep. Maintenance, planned sleep and
    retirement belong to the station, override the shown state, and are not states of the contact.
    """

    class State(models.TextChoices):
        """The state of contact with the station."""

        NEVER_SEEN = "never_seen"
        ON_TIME = "on_time"
        LATE = "late"
        SILENT = "silent"

    station = models.OneToOneField(Station, on_delete=models.CASCADE, primary_key=True, related_name="contact")
    state = models.CharField(max_length=16, choices=State.choices, default=State.NEVER_SEEN)
    #: By the server's clock.
    first_contact_at = models.DateTimeField(null=True)
    last_contact_at = models.DateTimeField(null=True)
    #: Seconds from one contact to the next, as the station announces and as learned from its past contacts.
    announced_interval_s = models.FloatField(null=True)
    learned_interval_s = models.FloatField(null=True)
    #: By hour of the day, UTC: seconds within which the next contact is expected after one in that hour, as learned at
    #: `rhythm_at`; see `fleet.stations.contact.rhythm`.
    rhythm_s = ArrayField(models.FloatField(), size=24, null=True)
    rhythm_at = models.DateTimeField(null=True)
    late_after = models.DateTimeField(null=True)
    silent_after = models.DateTimeField(null=True)
    #: The station's backlog in messages and bytes, as its health reports; 0 once everything it numbered has arrived.
    backlog_messages = models.BigIntegerField(null=True)
    backlog_bytes = models.BigIntegerField(null=True)
    #: The newest health message by the station's clock, as sent; when it was measured and when it was received.
    health = models.JSONField(default=dict)
    health_occurred_at = models.DateTimeField(null=True)
    health_received_at = models.DateTimeField(null=True)
    #: Its position in the station's own sequence, see `fleet.ingest.sequence`; likewise for hello and announcement.
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
    #: Fields of its newest messages that our contracts do not define, as sent, by kind and place.
    also_said = models.JSONField(default=dict, db_default={})
    #: Its address in its local network, from its hello.
    address = models.GenericIPAddressField(null=True)
    #: Station's clock minus the server's at the last health or hello, in seconds (transit time included).
    clock_offset_s = models.FloatField(null=True)
    #: Levels of its quota buckets at `quota_at`, see `fleet.ingest.limits.quota`; and since when it has been flooding.
    quota_messages = models.FloatField(null=True)
    quota_bytes = models.FloatField(null=True)
    quota_excess = models.FloatField(default=0.0, db_default=0.0)
    quota_reports = models.FloatField(null=True)
    quota_at = models.DateTimeField(null=True)
    flooding_since = models.DateTimeField(null=True)
    #: The agent's byte counter of its link, as last reported.
    data_counter = models.CharField(max_length=64, default="", db_default="", blank=True)
    data_sent = models.BigIntegerField(null=True)
    data_received = models.BigIntegerField(null=True)
    #: Counts changes of the station's serial or organization: ingest caches stations and compares this to see whether
    #: its cache is still valid.
    epoch = models.IntegerField(default=0, db_default=0)

    class Meta:
        """The sweeps query only rows whose deadline has passed."""

        indexes = [
            models.Index(fields=["late_after"], name="contact_late_after", condition=Q(state="on_time")),
            models.Index(
                fields=["silent_after"], name="contact_silent_after", condition=Q(state__in=["on_time", "late"])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.station_id} {self.state}"


class DeskQuota(models.Model):
    """The remaining quota of desks that upload a station's files; see `fleet.ingest.limits.desk_quota`."""

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
    #: The first day of the month, UTC.
    month = models.DateField()
    first_at = models.DateTimeField()
    #: Messages received and the bytes of their bodies, including repeats.
    messages = models.BigIntegerField()
    payload_bytes = models.BigIntegerField()
    #: Bytes on the link as the agent counted them; None if it does not count.
    sent = models.BigIntegerField(null=True)
    received = models.BigIntegerField(null=True)

    def __str__(self) -> str:
        return f"{self.station_id} {self.month}"


class StationDay(models.Model):
    """One day of a station by its own clock, in UTC, with a bit for each hour: bit 0 is midnight to one o'clock.

    `heard`: data of this hour has arrived; `late`: the first of it came long after it was recorded; `asleep`: the
    station had announced, or people had planned, that it would be quiet. Written by ingest, see
    `fleet.stations.contact.hours`. Neither retention nor moving data clears bits of `heard` and `late`.
    """

    pk = models.CompositePrimaryKey("station", "day")
    station = models.ForeignKey(
        Station, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="days"
    )
    day = models.DateField()
    heard = models.IntegerField(default=0, db_default=0)
    late = models.IntegerField(default=0, db_default=0)
    asleep = models.IntegerField(default=0, db_default=0)

    def __str__(self) -> str:
        return f"{self.station_id} {self.day}"


class ContactDay(models.Model):
    """One day of contact with a station by the server's clock, in UTC: for each hour the longest pause begun in it.

    In seconds; None if no pause began in that hour. Written by ingest, see `fleet.stations.contact.pauses`.
    """

    pk = models.CompositePrimaryKey("station", "day")
    station = models.ForeignKey(
        Station, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="contact_days"
    )
    day = models.DateField()
    pauses_s = ArrayField(models.FloatField(null=True), size=24)

    def __str__(self) -> str:
        return f"{self.station_id} {self.day}"


class LoginPurpose(models.TextChoices):
    """The purpose of a login on the broker."""

    #: The device in the field: sends, and gets its commands.
    STATION = "station"
    #: A desk that reads the station's cards: writes to its own exchange, reads nothing, and does not count as contact.
    UPLOAD = "upload"


class EnrolmentToken(models.Model):
    """A token with which a station or desk fetches its credentials once, before it expires. Stored as SHA-256."""

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
    #: Using this token lets the older logins work for a while; see `fleet.stations.logins.rotation`.
    is_rotation = models.BooleanField(default=False, db_default=False)

    def __str__(self) -> str:
        return f"token {self.pk} of station {self.station_id}"


class Credential(models.Model):
    """One generation of a station's broker login. Only the station knows the password; uploads check it by its hash.

    issued ──▶ revoked     (permanently: the next one is a new generation with a new user name)
      └──rotated: works until `ends_at`, or until the next one is in use──▶ revoked
    """

    id = models.BigAutoField(primary_key=True)
    station = models.ForeignKey(Station, on_delete=models.CASCADE, related_name="credentials")
    generation = models.IntegerField()
    username = models.CharField(max_length=96, unique=True)
    purpose = models.CharField(
        max_length=8, choices=LoginPurpose.choices, default=LoginPurpose.STATION, db_default=LoginPurpose.STATION.value
    )
    hardware = models.JSONField(default=dict)
    #: SHA-256 of the password, 256 random bits; empty for a login from before files could be uploaded.
    secret_hash = models.CharField(max_length=64, blank=True, default="", db_default="")
    issued_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        """Each generation is issued once; an index for the few logins that are about to end."""

        constraints = [models.UniqueConstraint(fields=["station", "generation"], name="credential_generation_once")]
        indexes = [
            models.Index(fields=["ends_at"], name="credential_ends", condition=Q(revoked_at=None) & ~Q(ends_at=None))
        ]

    def __str__(self) -> str:
        return self.username
