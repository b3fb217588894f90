"""The strip of a station's last seven days: data received by hour, incidents, server downtime, commands."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fleet.alerts.models import Incident
from fleet.commands.selectors import command_list
from fleet.core.pulses import outage_list
from fleet.core.spoken import duration_words
from fleet.stations.models import Station
from fleet.telemetry.coverage import hours_with_data
from sg_status.command_words import command_label, state_word
from sg_status.pages.station.contact import contact_of

DAYS = 7
#: Width of one hour in drawing units.
HOUR_WIDTH = 5
_HOUR = timedelta(hours=1)
_COMMANDS_MOST = 60


@dataclass(frozen=True, slots=True)
class StripPiece:
    """A stretch of the strip, explained in words."""

    x: float
    width: float
    words: str


@dataclass(frozen=True, slots=True)
class Strip:
    """Everything drawn; `width` in units. `begin` is the station's first contact, `now` the present."""

    width: int
    begin: float
    now: float
    days: list[str]
    heard: list[StripPiece]
    down: list[StripPiece]
    incidents: list[StripPiece]
    commands: list[StripPiece]
    hours_heard: int
    hours: int

    @property
    def ground(self) -> float:
        """Width of the stretch in which data can be expected."""
        return max(self.now - self.begin, 0.0)

    @property
    def is_new(self) -> bool:
        """Whether the count starts within the drawing, at the station's first contact."""
        return self.begin > 0


def strip_of(station: Station, incidents: list[Incident], moment: datetime) -> Strip:
    """The strip for today and the six days before it, in UTC."""
    hour = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    start = hour.replace(hour=0) - timedelta(days=DAYS - 1)
    end = start + timedelta(days=DAYS)
    heard = hours_with_data(station=station, start=start, end=hour)
    begin = _begin(station, heard, start, hour)
    commands = [c for c in command_list(station=station)[:_COMMANDS_MOST] if c.issued_at >= start]
    return Strip(
        width=DAYS * 24 * HOUR_WIDTH,
        begin=_x(begin or moment, start),
        now=_x(moment, start),
        days=[f"{start + timedelta(days=n):%m-%d}" for n in range(DAYS)],
        heard=_runs(heard, start),
        down=[
            _bar(
                max(outage.started_at, start),
                min(outage.ended_at, end),
                start,
                _span(outage.started_at, outage.ended_at),
            )
            for outage in outage_list(start=start, end=end)
        ],
        incidents=[
            _bar(max(one.began_at, start), min(one.closed_at or moment, end), start, one.sentence)
            for one in incidents
            if one.closed_at is None or one.closed_at > start
        ],
        commands=[
            StripPiece(
                _x(command.issued_at, start),
                3,
                f"{command_label(command.name)}: {state_word(command.state)} ({command.issued_at:%Y-%m-%d %H:%M} UTC)",
            )
            for command in commands
        ],
        hours_heard=len(heard),
        hours=0 if begin is None else round((hour - begin) / _HOUR) + 1,
    )


def _begin(station: Station, heard: list[datetime], start: datetime, now: datetime) -> datetime | None:
    """The first hour in which data can be expected: of the first contact, or of older data that came with it.

    None if nothing has arrived yet.
    """
    contact = contact_of(station)
    first = contact.first_contact_at if contact else None
    hours = [*heard[:1], *([first.astimezone(UTC).replace(minute=0, second=0, microsecond=0)] if first else [])]
    return min(max(min(hours), start), now) if hours else None


def _x(moment: datetime, start: datetime) -> float:
    return round((moment - start) / _HOUR * HOUR_WIDTH, 1)


def _bar(begin: datetime, end: datetime, start: datetime, words: str) -> StripPiece:
    # Wide enough to be visible.
    return StripPiece(_x(begin, start), max(round((end - begin) / _HOUR * HOUR_WIDTH, 1), 1.5), words)


def _span(begin: datetime, end: datetime) -> str:
    return f"{begin:%Y-%m-%d %H:%M} \u2013 {end:%H:%M} UTC, {duration_words((end - begin).total_seconds())}"


def _runs(hours: list[datetime], start: datetime) -> list[StripPiece]:
    """Consecutive hours, combined into stretches."""
    runs: list[tuple[datetime, datetime]] = []
    for hour in hours:
        if runs and runs[-1][1] == hour:
            runs[-1] = (runs[-1][0], hour + _HOUR)
        else:
            runs.append((hour, hour + _HOUR))
    return [_bar(begin, end, start, _span(begin, end)) for begin, end in runs]
