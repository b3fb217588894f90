"""Finding the pulses that belong to a burst, for files whose writer does not mark them.

The rule: a pulse is in a burst if a span of `seconds` that contains it holds at least `pulses` pulses of its
port, itself included, whose frequency differs from its own by at most `khz`. A pulse without a frequency is in
none. A Lotek tag sends four pulses within about 0.2 s on one frequency; noise rarely does.

Current files mark each pulse themselves (`p` used, `n` not used), and that mark is used as it is.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from formats.sensorgnome.lines import PulseLine


class BurstRule(NamedTuple):
    """The three parameters of the rule."""

    pulses: int = 3
    seconds: float = 0.5
    khz: float = 0.5

    @property
    def microseconds(self) -> int:
        """The span in the unit of the lines."""
        return int(self.seconds * 1_000_000)


class Heard(NamedTuple):
    """The properties of a pulse that the rule uses."""

    port: int
    at: int
    freq: float | None


def bursts_find(pulses: Sequence[Heard], rule: BurstRule) -> list[bool]:
    """For each pulse, whether it is in a burst, given all its neighbours."""
    by_port: dict[int, list[tuple[int, float, int]]] = {}
    for index, pulse in enumerate(pulses):
        if pulse.freq is not None:
            by_port.setdefault(pulse.port, []).append((pulse.at, pulse.freq, index))
    found = [False] * len(pulses)
    for heard in by_port.values():
        heard.sort()
        moments = [at for at, _, _ in heard]
        for at, freq, index in heard:
            first = bisect_left(moments, at - rule.microseconds)
            last = bisect_right(moments, at + rule.microseconds)
            near = [other for other, other_freq, _ in heard[first:last] if abs(other_freq - freq) <= rule.khz]
            found[index] = _dense(near, at, rule)
    return found


def _dense(moments: list[int], at: int, rule: BurstRule) -> bool:
    """Whether enough of the times share one span with `at`."""
    for first in range(len(moments) - rule.pulses + 1):
        last = first + rule.pulses - 1
        if moments[last] - moments[first] > rule.microseconds:
            continue
        if max(moments[last], at) - min(moments[first], at) <= rule.microseconds:
            return True
    return False


def pulse_heard(pulse: PulseLine) -> Heard:
    """The properties of a pulse that the rule uses."""
    return Heard(pulse.port, pulse.at, pulse.freq)
