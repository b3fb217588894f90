"""Marks on the spine of a station: above the strip everything that went wrong, below it everything people did."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from sg_status.spine.axis import Axis

#: Percent of the width that one letter takes where labels are shown, and that a mark takes on either side.
_LETTER: Final = 1.06
_MARK: Final = 1.6
#: Marks nearer than this would cover each other.
_NEAR: Final = 2.6
#: A longer label is not drawn; the mark's words have it.
_LABEL_MOST: Final = 28
#: Maximum happenings that one mark names; it only counts the others.
_TOLD_MOST: Final = 8


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One thing that happened, from `at` to `until` if it lasted. `label` is short, `told` says everything."""

    kind: str
    at: datetime
    label: str
    told: str
    address: str
    until: datetime | None = None
    #: Whether it is still going on, so that somebody should look.
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class SpineMark:
    """One mark: a happening, or several that are too near to each other. Positions are percent of the width."""

    kind: str
    x: float
    width: float
    label: str
    label_x: float
    #: Whether the label stands before the mark and ends there.
    is_before: bool
    told: str
    address: str
    is_open: bool
    count: int = 1

    @property
    def name(self) -> str:
        """The name for screen readers and voice control; it contains the visible label."""
        return self.told if self.label.casefold() in self.told.casefold() else f"{self.label}: {self.told}"

    @property
    def middle(self) -> float:
        """The point where a thumb taps it."""
        return round(self.x + self.width / 2, 2)


@dataclass(slots=True)
class _Group:
    """Neighbours that share a mark."""

    x: float
    end: float
    members: list[Occurrence] = field(default_factory=list)


def marks_of(axis: Axis, happenings: Iterable[Occurrence]) -> list[SpineMark]:
    """One row of marks from left to right; close ones share a mark, and labels are only drawn where they have room."""
    groups = _groups(axis, happenings)
    marks: list[SpineMark] = []
    taken = 0.0
    for place, group in enumerate(groups):
        label = _label(group.members)
        begin, end = _extent(group)
        limit = _extent(groups[place + 1])[0] if place + 1 < len(groups) else axis.now - _MARK
        long = len(label) * _LETTER
        has_room_after = end + long <= limit and end + long <= 100
        has_room_before = not has_room_after and begin - long >= taken
        if not (has_room_after or has_room_before) or len(label) > _LABEL_MOST:
            label = ""
        taken = end + long if label and has_room_after else end
        marks.append(_mark(group, label, begin if has_room_before else end, is_before=has_room_before))
    return marks


def _groups(axis: Axis, happenings: Iterable[Occurrence]) -> list[_Group]:
    groups: list[_Group] = []
    for one in sorted(happenings, key=lambda one: one.at):
        x, end = axis.x(one.at), axis.x(one.until or one.at)
        if groups and x - groups[-1].end < _NEAR:
            groups[-1].end = max(groups[-1].end, end)
            groups[-1].members.append(one)
        else:
            groups.append(_Group(x, end, [one]))
    return groups


def _extent(group: _Group) -> tuple[float, float]:
    """The beginning and end of a mark, with the blank beside its label."""
    return group.x - _MARK, group.end + _MARK


def _mark(group: _Group, label: str, label_x: float, *, is_before: bool) -> SpineMark:
    members = group.members
    kinds = {one.kind for one in members}
    newest = max(members, key=lambda one: (one.is_open, one.at))
    return SpineMark(
        kind=newest.kind if len(kinds) > 1 else members[0].kind,
        x=group.x,
        width=round(max(group.end - group.x, 0.4), 2),
        label=label,
        label_x=round(label_x, 2),
        is_before=is_before,
        told=_told(members),
        address=newest.address,
        is_open=newest.is_open,
        count=len(members),
    )


def _label(members: Sequence[Occurrence]) -> str:
    """The label of a single happening, or the number of each kind."""
    if len(members) == 1:
        return members[0].label
    counts: dict[str, int] = {}
    for one in members:
        counts[one.kind] = counts.get(one.kind, 0) + 1
    return ", ".join(_several(kind, n) for kind, n in counts.items())


def _several(kind: str, number: int) -> str:
    """The number of happenings of one kind, in words."""
    words = {
        "incident": ngettext("%(n)d incident", "%(n)d incidents", number),
        "down": ngettext("Roost down once", "Roost down %(n)d times", number),
        "command": ngettext("%(n)d command", "%(n)d commands", number),
        "restart": ngettext("%(n)d restart", "%(n)d restarts", number),
        "deployment": ngettext("%(n)d move", "%(n)d moves", number),
    }
    return words[kind] % {"n": number}


def _told(members: Sequence[Occurrence]) -> str:
    """Everything that the mark stands for, newest first."""
    told = [one.told for one in sorted(members, key=lambda one: one.at, reverse=True)[:_TOLD_MOST]]
    if len(members) > _TOLD_MOST:
        told.append(_("and %(n)d more") % {"n": len(members) - _TOLD_MOST})
    return " · ".join(told)
