"""Events as the rows of a page: each is a sentence, and several equal ones in a row are folded into one row."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final

from django.utils.translation import gettext as _

from fleet.core.zones import viewer_time
from fleet.telemetry.models import StationEvent
from sg_status.event_words.data import Data
from sg_status.event_words.registry import WORDS, Words

#: From this many equal events in succession, they share one row that opens.
_FOLDED_FROM: Final = 3


@dataclass(frozen=True, slots=True)
class EventShown:
    """One event in words."""

    event: StationEvent
    sentence: str
    #: Fields that the sentence does not name.
    rest: str
    icon: str
    is_routine: bool
    is_bad: bool


@dataclass(frozen=True, slots=True)
class EventRow:
    """One row: an event, or several with one sentence."""

    sentence: str
    icon: str
    is_bad: bool
    events: Sequence[EventShown]

    @property
    def is_folded(self) -> bool:
        """Whether it stands for several."""
        return len(self.events) > 1

    @property
    def newest(self) -> StationEvent:
        """The newest of its events."""
        return self.events[0].event

    @property
    def oldest(self) -> StationEvent:
        """The oldest of its events."""
        return self.events[-1].event


def event_shown(event: StationEvent, moment: datetime) -> EventShown:
    """An event in words, with the fields that its sentence does not name; an unknown event is told by its name."""
    words = WORDS.get(event.name)
    data = Data(event.data, event.port, moment)
    sentence = words.say(data) if words else _humanized(event.name)
    if event.port is not None:
        sentence = _("Port %(port)s: %(what)s") % {"port": event.port, "what": sentence}
    is_routine = bool(words and words.is_routine(data))
    is_bad = bool(words and words.is_bad)
    return EventShown(event, sentence, data.rest(), words.icon if words else "note", is_routine, is_bad)


def event_rows(events: Iterable[StationEvent], moment: datetime) -> list[EventRow]:
    """The rows of a list, newest first like the events; only successive events of the same day are folded."""
    rows: list[EventRow] = []
    shown = [event_shown(event, moment) for event in events]
    for _key, grouped in groupby(shown, _alike):
        alike = list(grouped)
        words = WORDS.get(alike[0].event.name)
        if words and words.several and len(alike) >= _FOLDED_FROM:
            rows.append(EventRow(_folded(words, alike, moment), alike[0].icon, alike[0].is_bad, alike))
        else:
            rows += [EventRow(one.sentence, one.icon, one.is_bad, [one]) for one in alike]
    return rows


def _alike(shown: EventShown) -> tuple[str, bool, object]:
    return shown.event.name, shown.is_routine, viewer_time(shown.event.placed_at).date()


def _folded(words: Words, alike: Sequence[EventShown], moment: datetime) -> str:
    data = [Data(one.event.data, one.event.port, moment) for one in alike]
    return words.several(data) if words.several else alike[0].sentence


def _humanized(name: str) -> str:
    """A name as words: `radio_stalled` is “radio stalled”."""
    return name.replace("_", " ").strip() or name
