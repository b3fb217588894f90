"""Interface of an outside system: fetching its rows, reading one, and choosing the current one of several."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

#: A row as the outside system sent it, decoded from JSON.
Row: TypeAlias = Mapping[str, object]


class SyncError(Exception):
    """The outside system gave nothing usable. The text is a sentence for people, without secrets.

    `is_passing`: retrying within seconds may help. `retry_after_s`: how long it asked us to wait. `doubted_rows`: the
    number of rows in a list too short to be accepted unless a person confirms it.
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
    """A whole list as received. `left_out`: number of entries that were not rows."""

    rows: Sequence[Row]
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Listing:
    """One row in our terms. Fields are empty or None if the outside system says nothing; unknown words are kept."""

    serial: str
    status: str
    is_active: bool
    name: str
    type: str
    project: str
    since: datetime | None
    #: Its page for people in the outside system, opened only when somebody follows the link; empty without one.
    address: str = ""


@dataclass(frozen=True, slots=True)
class Adapter:
    """One outside system. `key` gives a row a permanent name, or is empty if the row has no id of its own.

    `rank` orders several rows of one serial: the greatest is the current one.
    """

    name: str
    label: str
    fetch: Callable[[], Fetched]
    key: Callable[[Row], str]
    listing: Callable[[Row], Listing]
    rank: Callable[[Row], tuple[float, ...]]
