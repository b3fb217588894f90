"""The pace requested by the server: obeyed for a while, kept across restarts, and then ended by itself.

own pace --pace--> paced (slower, holding, spread) --time is up, or a pace that asks nothing--> own pace
"""

import random
import time
from collections.abc import Callable, Collection, Sequence

import msgspec

from message_queue.contracts.commands.pace import Pace
from station_agent.outbox import COMMAND_STATUS, Outbox, Outgoing
from station_agent.words import seconds_say

#: Messages a second that a station with slowdown 1 would publish.
FULL_RATE = 60.0
_KEY = "pace"


class _Kept(msgspec.Struct):
    """State on disk: the requested pace and when it arrived, by the station's own clock."""

    pace: Pace
    at: float


class Pacer:
    """The pace currently in force."""

    def __init__(self, outbox: Outbox, clock: Callable[[], float] = time.monotonic) -> None:
        self._outbox = outbox
        self._clock = clock
        self._pace = Pace()
        self._since = 0.0
        self._allowance = 1.0
        self._allowed_at = clock()
        kept = outbox.state_get(_KEY)
        if kept:
            self._resume(msgspec.json.decode(kept, type=_Kept))

    def _resume(self, kept: _Kept) -> None:
        """Resume the previous run's pace; a clock jump can make it last at most its full time again."""
        self._pace = kept.pace
        self._since = self._clock() - max(time.time() - kept.at, 0.0)

    def obey(self, pace: Pace) -> None:
        """Obey this pace from now on."""
        self._pace, self._since = pace, self._clock()
        self._outbox.state_set(_KEY, msgspec.json.encode(_Kept(pace, time.time())).decode())

    @property
    def _is_on(self) -> bool:
        return self._clock() < self._since + self._pace.for_s

    @property
    def slowdown(self) -> int:
        """Factor by which the reporting interval grows."""
        return self._pace.slowdown if self._is_on else 1

    @property
    def is_holding(self) -> bool:
        """Whether only command results may be sent."""
        return self._is_on and self._clock() < self._since + self._pace.hold_for

    def spread(self) -> float:
        """Seconds before the next connection: random, so that a fleet does not connect all at once."""
        return random.uniform(0.0, self._pace.spread) if self._is_on else 0.0

    def room(self, wanted: int) -> int:
        """How many of `wanted` messages may be sent now."""
        if self.slowdown == 1:
            return wanted
        rate = FULL_RATE / self.slowdown
        now = self._clock()
        self._allowance = min(self._allowance + (now - self._allowed_at) * rate, max(rate, 1.0))
        self._allowed_at = now
        return min(wanted, int(self._allowance))

    def gone(self, messages: int) -> None:
        """Record that this many were sent."""
        self._allowance -= messages

    def say(self) -> str:
        """The pace's effect as a sentence, or nothing."""
        if not self._is_on:
            return ""
        parts = [f"{self._pace.slowdown} times slower"] if self._pace.slowdown > 1 else []
        if self.is_holding:
            parts.append(f"sending nothing for {seconds_say(self._since + self._pace.hold_for - self._clock())}")
        if self._pace.spread:
            parts.append(f"connections spread over {seconds_say(self._pace.spread)}")
        left = seconds_say(self._since + self._pace.for_s - self._clock())
        return f"The server asked for another pace: {', '.join(parts)}; for {left} more." if parts else ""


class PacedFeed:
    """The outbox, throttled by the pace."""

    def __init__(self, outbox: Outbox, pacer: Pacer) -> None:
        self._outbox = outbox
        self._pacer = pacer

    def take(self, room: int) -> list[Outgoing]:
        """Up to `room` messages; command results always."""
        if self._pacer.is_holding:
            return self._outbox.take(room, sending_most=COMMAND_STATUS.sending)
        allowed = self._pacer.room(room)
        taken = (
            self._outbox.take(allowed) if allowed > 0 else self._outbox.take(room, sending_most=COMMAND_STATUS.sending)
        )
        self._pacer.gone(len(taken))
        return taken

    def confirmed(self, keys: Sequence[int]) -> None:
        """Forward confirmed messages to the outbox."""
        self._outbox.confirmed(keys)

    def given_back(self, keys: Collection[int]) -> None:
        """Forward messages that must be published again."""
        self._outbox.given_back(keys)

    def returned(self, keys: Collection[int]) -> None:
        """Forward messages that no queue accepted."""
        self._outbox.returned(keys)
