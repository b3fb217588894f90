"""Turns of lanes: which may start now, so that nobody waits long for the receivers of others.

    not slow by its last call ──▶ a quick slot ──still running after `SLOW_S`──▶ a slow slot
    slow by its last call ──▶ a slow slot, when one is free

A quick slot is free again after `SLOW_S` at the latest, whatever its receiver does. An organization has few slots of
each, so one with twenty slow receivers delays itself.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

#: A lane that runs longer than this, in seconds, or whose last call took longer, is slow.
SLOW_S: Final = 2.0
#: Maximum quick and slow lanes side by side: of all organizations, and of one.
QUICK_MOST, QUICK_OF_ONE = 8, 4
SLOW_MOST, SLOW_OF_ONE = 8, 2
#: Maximum lanes in all, with quick ones that became slow while slow slots were taken: of all organizations, and of one.
LANES_MOST, LANES_OF_ONE = 24, 6


class Due(NamedTuple):
    """A lane that has something to do."""

    forwarder_id: int
    organization_id: int
    is_slow: bool


@dataclass(slots=True)
class _Running:
    """A lane that runs: since when by the monotonic clock, and whether it had a slow slot from the beginning."""

    organization_id: int
    began: float
    is_slow: bool


@dataclass(slots=True)
class Turns:
    """The lanes that run now. `clock` gives monotonic seconds."""

    clock: Callable[[], float] = time.monotonic
    _running: dict[int, _Running] = field(default_factory=dict)

    def start(self, due: Iterable[Due], *, is_quick_only: bool = False) -> list[int]:
        """Give slots to lanes that may start, in this order; return their ids."""
        now, started = self.clock(), []
        quick, slow = Counter[int](), Counter[int]()
        for one in self._running.values():
            is_slow = one.is_slow or now - one.began >= SLOW_S
            (slow if is_slow else quick)[one.organization_id] += 1
        for lane in due:
            owner = lane.organization_id
            taken, most, of_one = (slow, SLOW_MOST, SLOW_OF_ONE) if lane.is_slow else (quick, QUICK_MOST, QUICK_OF_ONE)
            if lane.forwarder_id in self._running or (lane.is_slow and is_quick_only):
                continue
            if taken.total() >= most or taken[owner] >= of_one:
                continue
            if len(self._running) >= LANES_MOST or quick[owner] + slow[owner] >= LANES_OF_ONE:
                continue
            taken[owner] += 1
            self._running[lane.forwarder_id] = _Running(owner, now, lane.is_slow)
            started.append(lane.forwarder_id)
        return started

    def end(self, forwarder_id: int) -> None:
        """Give its slot back."""
        del self._running[forwarder_id]

    @property
    def running(self) -> set[int]:
        """The forwarders that have a slot."""
        return set(self._running)

    @property
    def has_slow(self) -> bool:
        """Whether a running lane is slow."""
        now = self.clock()
        return any(one.is_slow or now - one.began >= SLOW_S for one in self._running.values())

    @property
    def look_again_s(self) -> float:
        """Seconds after which a quick slot may be free, although no lane has ended."""
        now = self.clock()
        waits = [one.began + SLOW_S - now for one in self._running.values() if not one.is_slow]
        return max(min([1.0, *(wait for wait in waits if wait > 0)]), 0.02)
