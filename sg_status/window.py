"""The period that a page shows: some hours back from now, or the part between two moments that somebody chose."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from django.http import QueryDict
from django.utils import dateformat
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext

from fleet.core.spoken import day_words
from fleet.core.zones import viewer_time, viewer_zone, zone_of

SPANS: Final[dict[str, tuple[Promise, timedelta]]] = {
    "6h": (_("6 hours"), timedelta(hours=6)),
    "24h": (_("24 hours"), timedelta(hours=24)),
    "7d": (_("7 days"), timedelta(days=7)),
    "30d": (_("30 days"), timedelta(days=30)),
    "90d": (_("90 days"), timedelta(days=90)),
    "365d": (_("a year"), timedelta(days=365)),
}
DEFAULT_SPAN = "24h"
_DASH = " \u2013 "
#: Data dated slightly ahead comes from a slightly wrong clock, and is shown at its own time.
_AHEAD = timedelta(minutes=5)
#: The shortest and the longest period between two chosen moments.
_LEAST, _MOST = timedelta(seconds=10), timedelta(days=7_305)


@dataclass(frozen=True, slots=True)
class Period:
    """A start and an end as they stand in the URL."""

    start: str
    end: str


@dataclass(frozen=True, slots=True)
class Window:
    """From `start` up to `end`. `is_moved`: it ends at the newest data or where the URL says, instead of now.

    `is_chosen`: the URL has both moments, and `span` is what the page shows without them.
    """

    span: str
    start: datetime
    end: datetime
    is_moved: bool
    is_chosen: bool = False

    @property
    def label(self) -> str | Promise:
        """The length in words."""
        return SPANS[self.span][0]

    @property
    def words(self) -> str:
        """The first and the last day in words, or one day with its times."""
        first, last = viewer_time(self.start), viewer_time(self.end)
        if first.date() != last.date():
            return f"{day_words(first)}{_DASH}{day_words(last)}"
        times = (dateformat.format(each, pgettext("time of day", "H:i")) for each in (first, last))
        return f"{day_words(first)}, {_DASH.join(times)}"

    @property
    def first_day(self) -> str:
        """The day on which it starts, for a form."""
        return viewer_time(self.start).date().isoformat()

    @property
    def last_day(self) -> str:
        """The last day that it contains, for a form."""
        return viewer_time(self.end - timedelta(microseconds=1)).date().isoformat()

    @property
    def until(self) -> str:
        """This window's own end, for a URL that stays fixed."""
        return _stamp(self.end)

    @property
    def itself(self) -> Period:
        """This window, for a URL that stays fixed."""
        return _period(self.start, self.end)

    def query_fixed(self, query: QueryDict) -> str:
        """The page's query with a fixed start and end, for a file of exactly what the page shows."""
        fixed = query.copy()
        for name in ("until", "zone", "page", "after"):
            fixed.pop(name, None)
        fixed["start"], fixed["end"] = self.itself.start, self.itself.end
        return fixed.urlencode()

    @property
    def earlier(self) -> Period:
        """The window before it."""
        return _period(self.start - (self.end - self.start), self.start)

    @property
    def later(self) -> Period:
        """The window after it."""
        return _period(self.end, self.end + (self.end - self.start))

    @property
    def closer(self) -> Period:
        """The middle half of it."""
        quarter = max((self.end - self.start) / 4, _LEAST / 2)
        return _period(self.start + quarter, max(self.end - quarter, self.start + quarter + _LEAST))

    @property
    def wider(self) -> Period:
        """A window of twice the length around it."""
        half = min((self.end - self.start) / 2, (_MOST - (self.end - self.start)) / 2)
        return _period(self.start - half, self.end + half)


def window_of(query: QueryDict, *, newest: datetime | None, moment: datetime) -> Window:
    """The window in the URL; without an end there, one that contains data."""
    span = query.get("span", "")
    span = span if span in SPANS else DEFAULT_SPAN
    length = SPANS[span][1]
    # The form for days sends its zone, so that the address means the same to everybody.
    zone = zone_of(query.get("zone", "")) or viewer_zone()
    start, end = _moment_of(query.get("start", ""), zone), _moment_of(query.get("end", ""), zone, is_end=True)
    if start is not None and end is not None and _LEAST <= end - start <= _MOST:
        return Window(span, start, end, is_moved=True, is_chosen=True)
    end = _moment_of(query.get("until", ""), zone)
    if end is not None:
        return Window(span, end - length, end, is_moved=True)
    if newest is not None and not moment - length <= newest <= moment + _AHEAD:
        end = newest + timedelta(seconds=1)
        return Window(span, end - length, end, is_moved=True)
    return Window(span, moment - length, moment + _AHEAD, is_moved=False)


def _period(start: datetime, end: datetime) -> Period:
    return Period(_stamp(start), _stamp(end))


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _moment_of(text: str, zone: tzinfo, *, is_end: bool = False) -> datetime | None:
    """A moment in the URL. Without an offset it is in `zone`; a day given as the end is included."""
    try:
        moment = datetime.fromisoformat(text[:40])
    except ValueError:
        return None
    # Far enough from the limits of the calendar that a previous and next window exist.
    if not 1900 < moment.year < 9000:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
        if is_end and len(text) == len("2026-10-14"):
            moment += timedelta(days=1)
    return moment
