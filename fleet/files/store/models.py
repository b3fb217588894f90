"""Contents kept under their SHA-256, the names under which stations had them, and uploads under way."""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper

from fleet.organizations.models import Organization
from fleet.stations.models import Station


class StoredContent(models.Model):
    """The bytes of a file, stored once under their SHA-256, whichever stations had them.

    kept ──the scrub reads other bytes──▶ rotten ──the same content is uploaded again──▶ kept
      └──no file has it any more──▶ deleted, row and bytes

    bytes without a row ──a day later──▶ stray ──given to a station, or uploaded again──▶ kept
                                           └──`strays.KEPT_FOR` later, or by an administrator──▶ deleted
    """

    class State(models.TextChoices):
        """Result of the last check."""

        KEPT = "kept", "kept"
        ROTTEN = "rotten", "rotten"
        STRAY = "stray", "of no file"

    class Place(models.TextChoices):
        """Which of Django's storages has its bytes. A new content goes where the settings say; old ones stay."""

        DISK = "default", "the disk"
        OBJECTS = "objects", "the object store"

    id = models.BigAutoField(primary_key=True)
    sha256 = models.CharField(max_length=64, unique=True)
    octets = models.BigIntegerField()
    place = models.CharField(max_length=8, choices=Place.choices, default=Place.DISK)
    state = models.CharField(max_length=8, choices=State.choices, default=State.KEPT)
    stored_at = models.DateTimeField()
    #: When its bytes were last read and compared with the SHA-256.
    checked_at = models.DateTimeField()

    class Meta:
        """Indexed for the scrub, which begins with the oldest check, and for lists of rotten contents and strays."""

        indexes = [
            models.Index(fields=["checked_at", "id"], name="content_by_check"),
            models.Index(fields=["id"], name="content_rotten", condition=Q(state="rotten")),
            models.Index(fields=["id"], name="content_stray", condition=Q(state="stray")),
        ]

    def __str__(self) -> str:
        return self.sha256


class StoredFile(models.Model):
    """A file of a station by its path there; its revisions say what it contained."""

    id = models.BigAutoField(primary_key=True)
    station = models.ForeignKey(Station, on_delete=models.CASCADE, related_name="stored_files")
    path = models.CharField(max_length=512)

    class Meta:
        """A path is one file of its station. A trigram index finds parts of paths."""

        constraints = [models.UniqueConstraint(fields=["station", "path"], name="stored_file_once")]
        indexes = [GinIndex(OpClass(Upper("path"), name="gin_trgm_ops"), name="stored_file_by_part")]

    def __str__(self) -> str:
        return self.path


class FileRevision(models.Model):
    """The content of a file at one time. Changed content is a new revision; a file that only grew keeps its own."""

    id = models.BigAutoField(primary_key=True)
    file = models.ForeignKey(StoredFile, on_delete=models.CASCADE, related_name="revisions")
    number = models.IntegerField()
    content = models.ForeignKey(StoredContent, on_delete=models.PROTECT, related_name="revisions")
    #: When the file was last changed, by the clock of the device that sent it.
    modified_at = models.DateTimeField(null=True)
    first_met_at = models.DateTimeField()
    last_met_at = models.DateTimeField()
    #: How often it was sent again after it had grown.
    grown = models.IntegerField(default=0)
    sent_by = models.CharField(max_length=150)

    class Meta:
        """Numbered within their file; listed newest first."""

        constraints = [models.UniqueConstraint(fields=["file", "number"], name="file_revision_once")]

    def __str__(self) -> str:
        return f"{self.file_id} revision {self.number}"


class Upload(models.Model):
    """A file on its way here. Its bytes are in a part on disk, whose length is the offset.

        open ──all bytes, the SHA-256 fits──▶ stored | known
          ├──all bytes, the store is away──▶ open, a job tries again
          ├──all bytes, the SHA-256 does not fit──▶ refused
          └──expires_at, or ended by its sender──▶ deleted

    Closed uploads stay until they expire, so that a sender who missed the answer can ask; refused ones stay a month, so
    that people of the station see them. A file for which there is no room is refused when it begins, and has a row too.
    """

    class State(models.TextChoices):
        """How far the upload is, or how it ended."""

        OPEN = "open", "arriving"
        STORED = "stored", "stored"
        KNOWN = "known", "here already"
        REFUSED = "refused", "refused"

    id = models.CharField(max_length=32, primary_key=True)
    station = models.ForeignKey(Station, on_delete=models.CASCADE, related_name="uploads")
    path = models.CharField(max_length=512)
    octets = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    modified_at = models.DateTimeField(null=True)
    #: `station:<id>`, `key:<prefix>` or `person:<id>`: whose limits it counts against; and its name for people.
    sender = models.CharField(max_length=80)
    sender_name = models.CharField(max_length=150)
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    #: Why it was refused, or why a complete upload is not stored yet.
    reason = models.CharField(max_length=300, blank=True, default="")
    #: Whether a person changed the text on a page: its file gets another revision, even if the text only grew.
    is_edited = models.BooleanField(default=False, db_default=False)
    #: When it was complete but the store did not take it; since then it waits.
    waiting_since = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        """Open uploads are counted by sender; jobs look for expired and waiting ones, pages for those of a station."""

        indexes = [
            models.Index(fields=["sender"], name="upload_open_of_sender", condition=Q(state="open")),
            models.Index(fields=["expires_at"], name="upload_expires"),
            models.Index(fields=["expires_at"], name="upload_waiting", condition=Q(waiting_since__isnull=False)),
            models.Index(fields=["station", "-created_at"], name="upload_of_station"),
        ]

    def __str__(self) -> str:
        return self.path


class StoreAccount(models.Model):
    """Number and size of an organization's stored files, and its own quota if it differs from the server's.

    A content counts once for each organization whose stations had it. Uploads add to the counts; the sweep recounts.
    """

    organization = models.OneToOneField(
        Organization, on_delete=models.CASCADE, primary_key=True, related_name="store_account"
    )
    octets = models.BigIntegerField(default=0)
    files = models.BigIntegerField(default=0)
    quota_octets = models.BigIntegerField(null=True, blank=True)

    def __str__(self) -> str:
        return f"files of {self.organization_id}"
