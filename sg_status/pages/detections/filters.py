"""The filters in the address of pages about detections: span, kind, port, tag and station."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from fleet.telemetry.heard.question import Parts, parts_of
from fleet.telemetry.heard.tags import SORTS
from fleet.telemetry.models import Detection
from sg_status.window import Window, window_of

KINDS: Final = {"pulse": int(Detection.Kind.PULSE), "tag": int(Detection.Kind.TAG)}
#: Maximum parts of a small drawing.
SMALL_MOST: Final = 31
_PORTS: Final = range(-1, 1_000)
_WHEN: Final[dict[str, Promise]] = {
    "6h": _("in the last 6 hours"),
    "24h": _("in the last 24 hours"),
    "7d": _("in the last 7 days"),
    "30d": _("in the last 30 days"),
    "90d": _("in the last 90 days"),
    "365d": _("in the last year"),
}
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class DetectionFilter:
    """The filters in an address. `is_all`: also codes heard only once. `end`: now, unless the window ends elsewhere."""

    window: Window
    end: datetime
    kind: str
    port: int | None
    tag: str
    station: str
    sort: str
    is_all: bool

    @property
    def when(self) -> str | Promise:
        """The span in words."""
        return _("in the period shown") if self.window.is_moved else _WHEN[self.window.span]

    @property
    def heading(self) -> str | Promise:
        """The span as a heading: its length, or its days if somebody chose them."""
        return self.window.words if self.window.is_chosen else self.window.label

    @property
    def least(self) -> int:
        """How often a code must have been heard to be listed."""
        return 1 if self.is_all or self.tag else 2

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but the span narrows the page."""
        return bool(self.kind or self.tag or self.station or self.port is not None)

    def parts(self) -> Parts:
        """The span in parts for a large drawing."""
        return parts_of(self.window.start, self.end)

    def small_parts(self) -> Parts:
        """The span in parts for a small drawing."""
        return parts_of(self.window.start, self.end, most=SMALL_MOST)


def asked_read(query: QueryDict, *, newest: datetime | None, moment: datetime) -> DetectionFilter:
    """The filters in an address; invalid values are ignored. `newest` is the newest hour with data."""
    # Data of the current hour reaches up to now, not to the end of the hour.
    reach = None if newest is None else newest + _HOUR if newest > moment else min(newest + _HOUR, moment)
    window = window_of(query, newest=reach, moment=moment)
    kind, sort = query.get("kind", ""), query.get("sort", "")
    return DetectionFilter(
        window=window,
        end=window.end if window.is_moved else moment,
        kind=kind if kind in KINDS else "",
        port=_port_of(query.get("port", "")),
        tag=_text_of(query.get("tag", ""), 64),
        station=_text_of(query.get("station", ""), 100),
        sort=sort if sort.removeprefix("-") in SORTS else "-last",
        is_all=query.get("codes") == "all",
    )


def _port_of(text: str) -> int | None:
    try:
        port = int(text[:4])
    except ValueError:
        return None
    return port if port in _PORTS else None


def _text_of(text: str, most: int) -> str:
    return text.strip()[:most].replace("\x00", "")
