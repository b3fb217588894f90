"""The period that a page shows: some hours back from now, or from the newest data if that is elsewhere."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

SPANS: Final[dict[str, tuple[Promise, timedelta]]] = {
    "6h": (_("6 hours"), timedelta(hours=6)),
    "24h": (_("24 hours"), timedelta(hours=24)),
    "7d": (_("7 days"), timedelta(days=7)),
    "30d": (_("30 days"), timedelta(days=30)),
    "365d": (_("a year"), timedelta(days=365)),
}
DEFAULT_SPAN = "24h"
#: Data dated slightly ahead comes from a slightly wrong clock, and is shown at its own time.
_AHEAD = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Window:
    """From `start` up to `end`. `is_moved`: it ends at the newest data or where the URL says, instead of now."""

    span: str
    start: datetime
    end: datetime
    is_moved: bool

    @property
    def label(self) -> str | Promise:
        """The length in words."""
        return SPANS[self.span][0]

    @property
    def until(self) -> str:
        """This window's own end, for a URL that stays fixed."""
        return self.end.isoformat().replace("+00:00", "Z")

    @property
    def earlier(self) -> str:
        """The end of the previous window, for the URL."""
        return self.start.isoformat().replace("+00:00", "Z")

    @property
    def later(self) -> str:
        """The end of the next window, for the URL."""
        return (self.end + (self.end - self.start)).isoformat().replace("+00:00", "Z")


def window_of(query: QueryDict, *, newest: datetime | None, moment: datetime) -> Window:
    """The window in the URL; without an end there, one that contains data."""
    span = query.get("span", "")
    span = span if span in SPANS else DEFAULT_SPAN
    length = SPANS[span][1]
    end = _moment_of(query.get("until", ""))
    if end is not None:
        return Window(span, end - length, end, is_moved=True)
    if newest is not None and not moment - length <= newest <= moment + _AHEAD:
        end = newest + timedelta(seconds=1)
        return Window(span, end - length, end, is_moved=True)
    return Window(span, moment - length, moment + _AHEAD, is_moved=False)


def _moment_of(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text[:40])
    except ValueError:
        return None
    # Far enough from the limits of the calendar that a previous and next window exist.
    is_usable = moment.tzinfo is not None and 1900 < moment.year < 9000
    return moment if is_usable else None
