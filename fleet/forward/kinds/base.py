"""Interface of a kind of receiver: its settings, and a function that sends some rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from django.utils.functional import Promise


class ForwardError(Exception):
    """Rows were not sent, or it is unknown whether they were. The text is a sentence for people, without secrets.

    `done`: how many of the first rows the receiver has nevertheless, `known` of them it had before. `is_rows`: the
    receiver refuses the row after these for itself, or one of those after them. `is_gone`: it wants nothing more.
    `retry_after_s`: how long it asked us to wait.
    """

    def __init__(
        self,
        sentence: str,
        *,
        done: int = 0,
        known: int = 0,
        is_rows: bool = False,
        is_gone: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(sentence)
        self.done, self.known = done, known
        self.is_rows, self.is_gone = is_rows, is_gone
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class ForwardRow:
    """One reading as it may leave. `id` is the same whenever it is sent, so that receivers can drop repeats.

    Degrees WGS 84, and the radius in metres within which the place is; all None where the place is not public.
    `marks`: words that say why it is doubted.
    """

    id: str
    series_id: int
    station_key: str
    station: str
    series: str
    unit: str
    value: float
    at: datetime
    received_at: datetime
    marks: tuple[str, ...] = ()
    site: str = ""
    latitude: float | None = None
    longitude: float | None = None
    radius_m: float | None = None


class GivenIds(Protocol):
    """Ids that the receiver gave to things of ours."""

    def get(self, key: str) -> str | None:
        """The id, if the thing was created there."""

    def put(self, key: str, there: str) -> None:
        """Remember it at once, whatever becomes of the rows."""


@dataclass(frozen=True, slots=True)
class ForwardTarget:
    """The target: the forwarder's settings with the secret ones, and the ids known there.

    `organization` is the name that people know; `name` is unique on this server and stays.
    """

    name: str
    organization: str
    settings: Mapping[str, str]
    ids: GivenIds


@dataclass(frozen=True, slots=True)
class Receipt:
    """All rows are there; `known` of them were before."""

    known: int = 0


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting.

    `choices`: values and their labels, if it is one of few. `make`: makes a secret where none is entered; it is shown
    once.
    """

    name: str
    label: str | Promise
    help: str | Promise = ""
    is_secret: bool = False
    is_required: bool = True
    initial: str = ""
    choices: Sequence[tuple[str, str | Promise]] = ()
    make: Callable[[], str] | None = None


@dataclass(frozen=True, slots=True)
class ForwarderKind:
    """One kind of receiver.

    `check` raises `InvalidInput` with the setting's name for settings that cannot work. `shown` is the address without
    secrets. `repeats` says what becomes of a row that is sent twice because an answer was lost.
    """

    name: str
    label: str | Promise
    settings: Sequence[Setting]
    send: Callable[[Sequence[ForwardRow], ForwardTarget], Receipt]
    check: Callable[[Mapping[str, str]], None]
    shown: Callable[[Mapping[str, str]], str]
    repeats: str | Promise
    #: Rows of one call of `send`. A call should end within seconds.
    rows_most: int = 100
    secret_names: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        """Collect the names of secret settings."""
        object.__setattr__(self, "secret_names", frozenset(one.name for one in self.settings if one.is_secret))
