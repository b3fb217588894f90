"""Files in earlier uploads of a station: which files are known, and how long each was when it was sent."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Self

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from fleet.sync.models import MotusUpload
from fleet.sync.motus.archive import DayFile, bare_name, boot_of, day_of
from fleet.sync.motus.source import SourceFile

State = MotusUpload.State
Entry = dict[str, Any]


@dataclass
class KnownFiles:
    """Files of the uploads of one station, except held ones, which are checked again.

    `longest` and `upload_of`, by bare name: unpacked octets of the longest file that is or was sent, and its upload.
    A file that Motus set aside, or whose upload it refused, does not count as sent: a shorter copy may replace it.
    """

    longest: dict[str, int] = field(default_factory=dict)
    upload_of: dict[str, int] = field(default_factory=dict)
    #: The highest boot number of each day.
    _boots: dict[date, int] = field(default_factory=dict)
    _same: set[tuple[str, int]] = field(default_factory=set)
    _left_out: set[tuple[str, int, str]] = field(default_factory=set)
    _copies: dict[tuple[str, int, str], int] = field(default_factory=dict)

    @classmethod
    def of(cls, uploads: QuerySet[MotusUpload]) -> Self:
        """The files of these uploads of one station."""
        found = cls()
        for upload_id, state, files in uploads.exclude(state=State.HELD).values_list("pk", "state", "files"):
            for entry in files:
                found._add(upload_id, entry, is_refused=state == State.REFUSED)
        return found

    def has(self, file: SourceFile) -> bool:
        """Whether this file is known: sent, refused in this form, or a copy no longer than one that is or was sent."""
        marked = file.name, file.size, file.mark
        if (file.name, file.size) in self._same or marked in self._left_out:
            return True
        # Entries written before files had marks.
        if (file.name, file.size, "") in self._left_out:
            return True
        return marked in self._copies and self._copies[marked] <= self.longest.get(bare_name(file.name), -1)

    def boot_warnings(self, files: Iterable[DayFile], day: date) -> list[str]:
        """Warn if the boot number is lower than on an earlier day, and remember this day's number."""
        boots = [one.boot for one in files if one.time and not one.refusal]
        if not boots:
            return []
        earlier = [(boot, one) for one, boot in self._boots.items() if one < day]
        self._boots[day] = max(self._boots.get(day, 0), *boots)
        before = max(earlier, default=None)
        if before is None or before[0] <= min(boots):
            return []
        return [
            _(
                "The boot number dropped from %(before)d on %(day)s to %(now)d: was the card rewritten? Motus may "
                "mix up its times. Set a higher number on the station."
            )
            % {"before": before[0], "day": before[1].isoformat(), "now": min(boots)}
        ]

    def _add(self, upload_id: int, entry: Mapping[str, Any], *, is_refused: bool) -> None:
        name, size, mark, bare = entry["name"], entry["size"], entry.get("mark", ""), bare_name(entry["name"])
        plain = entry.get("plain") or size
        if entry.get("is_copy"):
            self._copies[name, size, mark] = plain
        elif entry["refusal"] or entry.get("is_set_aside"):
            self._left_out.add((name, size, mark))
        else:
            self._same.add((name, size))
            day, boot = day_of(name), boot_of(name)
            if day is not None and not is_refused:
                self._boots[day] = max(self._boots.get(day, 0), boot)
            if not is_refused and plain > self.longest.get(bare, -1):
                self.longest[bare], self.upload_of[bare] = plain, upload_id


def entries_of(files: Iterable[DayFile]) -> list[Entry]:
    """The files in the form in which an upload stores them."""
    return [_entry(one) | {"refusal": one.refusal} for one in files]


def copy_entry(one: DayFile, longest: int) -> Entry:
    """The stored form of a copy of a file that is or was sent with `longest` octets unpacked."""
    refusal = _("A longer copy of it is sent.") if one.plain < longest else _("The same file is or was already sent.")
    return _entry(one) | {"refusal": refusal, "is_copy": True}


def _entry(one: DayFile) -> Entry:
    file = one.file
    return {"name": file.name, "size": file.size, "mark": file.mark, "plain": one.plain, "said": ""}
