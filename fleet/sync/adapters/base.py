"""What an outside system must bring: its rows, how to read one, and which of several is the current one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

#: A row as the outside system sent it, decoded from JSON.
Row: TypeAlias = Mapping[str, object]


class SyncError(Exception):
    """The outside system gave nothing that can be used. Its text is a sentence for people, without secrets.

    `is_passing`: asking again within seconds may help. `retry_after_s`: how long it asked us to wait. `doubted_rows`: the
    list is there with so many rows, but too short to be believed without a person.
    """

    def __init__(
        self,
        sentence: str,
        *,
        is_passing: bool = False,
        retry_after_s: float | None = None,
        doubted_rows: int | None = None,
    ) -> None:
        super().__init__(sentence)
        self.is_passing = is_passing
        self.retry_after_s = retry_after_s
        self.doubted_rows = doubted_rows


@dataclass(frozen=True, slots=True)
class Fetched:
    """A whole list as it came. `left_out`: how many entries were no rows at all."""

    rows: Sequence[Row]
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Listing:
    """One row in our words. Empty or None where the outside system says nothing; unknown words are kept."""

    serial: str
    status: str
    is_active: bool
    name: str
    type: str
    project: str
    since: datetime | None
    #: Its page for people in the outside system, followed by nobody but whoever presses the link; empty without one.
    address: str = ""


@dataclass(frozen=True, slots=True)
class Adapter:
    """One outside system. `key` names a row for good, or is empty when the row has no id of its own.

    `rank` orders several rows of one serial: the greatest is the current one.
    """

    name: str
    label: str
    fetch: Callable[[], Fetched]
    key: Callable[[Row], str]
    listing: Callable[[Row], Listing]
    rank: Callable[[Row], tuple[float, ...]]
