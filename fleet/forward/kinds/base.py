"""Interface of a kind of receiver: its settings, and functions that send some rows."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from django.utils.functional import Promise


class ForwardError(Exception):
    """Rows were not sent, or it is unknown whether they were. The text is a sentence for people, without secrets.

    `done`: how many of the first rows the receiver has all the same; `known`: how many of these it had before.
    `is_rows`: it refuses because of the next row or a later one. `is_too_many`: it may take fewer at once. `is_gone`:
    it wants nothing more. `retry_after_s`: how long it asked us to wait.
    """

    def __init__(
        self,
        sentence: str,
        *,
        done: int = 0,
        known: int = 0,
        is_rows: bool = False,
        is_too_many: bool = False,
        is_gone: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(sentence)
        self.done, self.known = done, known
        self.is_rows, self.is_too_many, self.is_gone = is_rows, is_too_many, is_gone
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class ForwardRow:
    """One reading as it may leave. `id` is the same whenever it is sent, so that receivers can drop repeats.

    The place is in degrees WGS 84, with the radius in metres within which it lies; all None where it is not public.
    `marks`: words that say why the reading is doubtful.
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


@dataclass(frozen=True, slots=True)
class ForwardDetection:
    """One detected tag or pulse (`kind`) as it may leave, with the place as in `ForwardRow`.

    `port` and `line` are those of the station's file. `tag` and `node` are empty if there is none. `figures` are those
    that the radio gave, by name: freq (kHz from the tuned frequency), sig, noise, snr (dB), rssi (as the radio says).
    `is_used`: whether the station used the pulse. `is_validated`: whether the radio checked the tag's checksum, if it
    says so. `key` is its key in the database.
    """

    id: str
    key: tuple[Any, ...]
    station_key: str
    station: str
    kind: str
    port: int
    line: int
    at: datetime
    received_at: datetime
    tag: str = ""
    node: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)
    is_used: bool = True
    is_validated: bool | None = None
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
        """Store the id at once, whatever happens to the rows."""


@dataclass(frozen=True, slots=True)
class ForwardTarget:
    """The target: the forwarder's settings with the secret ones, and the ids known there.

    `organization` is its short name; `name` is the forwarder's, unique on this server, and never changes. `until`: the
    time on the monotonic clock after which a call should begin no further request, so that others get their turn.
    """

    name: str
    organization: str
    settings: Mapping[str, str]
    ids: GivenIds
    until: float = math.inf


@dataclass(frozen=True, slots=True)
class Receipt:
    """The receiver has the first `done` rows (None: all), and had `known` of them before. The others were not tried."""

    known: int = 0
    done: int | None = None


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

    A kind without `send_detections` sends readings only. `test` finds out without sending rows whether settings work,
    and raises `ForwardError` if they do not; without it, there is no test.
    """

    name: str
    label: str | Promise
    settings: Sequence[Setting]
    send: Callable[[Sequence[ForwardRow], ForwardTarget], Receipt]
    check: Callable[[Mapping[str, str]], None]
    shown: Callable[[Mapping[str, str]], str]
    repeats: str | Promise
    send_detections: Callable[[Sequence[ForwardDetection], ForwardTarget], Receipt] | None = None
    test: Callable[[ForwardTarget], None] | None = None
    #: Maximum rows of one call of `send` or `send_detections`. A call should end within seconds.
    rows_most: int = 100
    secret_names: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        """Collect the names of secret settings."""
        object.__setattr__(self, "secret_names", frozenset(one.name for one in self.settings if one.is_secret))
