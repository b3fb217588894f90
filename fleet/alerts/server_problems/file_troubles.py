"""Problems with stored files that are reported to the administrators: rot, strays, an object store that is away."""

from datetime import timedelta

from django.db.models import Count, Sum

from fleet.alerts.server_problems.troubles import trouble_judge
from fleet.core import clock
from fleet.files.photos import photos_stray
from fleet.files.store.parts import parts_room
from fleet.files.store.scrub import contents_rotten
from fleet.files.store.settling import uploads_waiting
from fleet.files.store.strays import KEPT_FOR, stray_list

ROT, WAITING, READING, STRAYS = "stored files", "storing files", "reading stored files", "stored bytes of no file"
#: How long uploads wait for the object store before anybody is told: its restart takes less.
_PATIENCE = timedelta(minutes=5)


def rot_judge() -> None:
    """Report stored files whose bytes have changed or are missing."""
    rotten = [content.sha256[:16] for content in contents_rotten()]
    trouble_judge(
        about=ROT,
        sentence=(
            f"Stored files are missing or have changed: {len(rotten)} (SHA-256 {', '.join(rotten[:5])} …). "
            "Check the disk or the object store, and restore them from a backup, or have them uploaded again: that "
            "replaces them."
        )
        if rotten
        else "",
        end="All stored files match their uploads again.",
        moment=clock.now(),
        has_news=True,
    )


def strays_judge() -> None:
    """Report stored bytes that no row names: they are kept for a time, and a person has to decide."""
    total = stray_list().aggregate(number=Count("pk"), octets=Sum("octets"))
    photos = photos_stray(moment=clock.now())
    trouble_judge(
        about=STRAYS,
        sentence=(
            f"Stored bytes belong to no file. Contents: {total['number']} with {total['octets'] or 0} bytes; photos: {photos}. "
            "They are left when the database is restored from an older backup, or when a process is killed while it "
            f"stores a file. They are kept for {KEPT_FOR.days} days: `./roost manage strays list` shows the contents, and "
            "`strays give` makes one the file of its station; photos are in the folder `photos` of the server's files. "
            "Uploading the same files again works too."
        )
        if total["number"] or photos
        else "",
        end="All stored bytes belong to a file again, or were removed.",
        moment=clock.now(),
    )


def waiting_judge() -> None:
    """Report uploads that have waited for the object store for minutes. They are stored as soon as it works."""
    moment = clock.now()
    late = uploads_waiting().filter(waiting_since__lte=moment - _PATIENCE)
    first = late.order_by("waiting_since").first()
    trouble_judge(
        about=WAITING,
        sentence=(
            f"Whole uploads wait for the object store: {late.count()}, the first since "
            f"{first.waiting_since:%Y-%m-%d %H:%M} UTC. {first.reason} They are on the disk of the site, which has "
            f"{parts_room() // 1_000_000} MB left, and are stored as soon as the object store takes them."
        )
        if first
        else "",
        end="All uploads that waited for the object store are stored.",
        moment=moment,
    )


def reading_judge(reason: str) -> None:
    """Report that stored files could not be read by the scrub; an empty reason means that they could."""
    trouble_judge(
        about=READING,
        sentence=f"Stored files could not be checked: {reason} Nothing is lost by that; they are checked again in an hour."
        if reason
        else "",
        end="Stored files can be read again.",
        moment=clock.now(),
    )
