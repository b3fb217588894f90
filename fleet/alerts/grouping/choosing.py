"""Finding the shared failures among stations that became silent within one window, by counting."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from fleet.alerts.grouping.counting import Shared, SharedByStation
from fleet.alerts.models.shared import SharedFailure

#: Fewer are a coincidence.
LEAST: Final = 3
#: A cause competes with the one that explains most if it explains at least this share of that.
_NEARLY: Final = 0.9
_WIDTH: Final = {cause: place for place, cause in enumerate(SharedFailure.Cause)}


class Silent(NamedTuple):
    """A station and when it became silent."""

    station_id: int
    became_silent: datetime


class FailureFound(NamedTuple):
    """A shared failure: what is shared, how many stations share it, and those that are silent."""

    shared: Shared
    total: int
    silent: list[Silent]


def failures_of(
    *, silent: Sequence[Silent], places: SharedByStation, totals: Mapping[Shared, int]
) -> list[FailureFound]:
    """Shared failures of one organization that explain as many of these stations as possible, each station once.

    A failure needs three stations, and more than half of those that share the cause. First comes the cause that
    explains most; of those that explain nearly as many, the one with the greatest share of silent stations, then with
    most of them, then the narrower one.
    """
    rest, left = list(silent), dict(totals)
    found: list[FailureFound] = []
    while True:
        counts = Counter(shared for one in rest for shared in places.shared.get(one.station_id, ()))
        failing = {
            shared: number for shared, number in counts.items() if number >= LEAST and number * 2 > left.get(shared, 0)
        }
        if not failing:
            return found
        widest = max(failing.values())
        chosen = max(
            (shared for shared, number in failing.items() if number >= widest * _NEARLY),
            key=lambda shared: (
                failing[shared] / max(left.get(shared, 0), failing[shared]),
                failing[shared],
                -_WIDTH[shared.cause],
                shared.subject,
            ),
        )
        members = [one for one in rest if chosen in places.shared.get(one.station_id, ())]
        found.append(FailureFound(chosen, max(left.get(chosen, 0), len(members)), members))
        for one in members:
            for shared in places.shared.get(one.station_id, ()):
                left[shared] = left.get(shared, 0) - 1
        rest = [one for one in rest if chosen not in places.shared.get(one.station_id, ())]
