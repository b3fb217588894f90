"""The rhythm of a station in one sentence: how often it reports, at which hours it does not, and since when."""

from datetime import UTC, datetime, timedelta
from typing import Final

from django.utils import dateformat
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from fleet.core.spoken import day_words, duration_words, interval_words
from fleet.core.zones import viewer_time
from fleet.stations.contact.rhythm import OtherHours, Rhythm

#: Below this, a range is in whole minutes.
_MINUTES_BELOW_S: Final = 7_200.0
#: Longer ranges are in steps of ten minutes, and from a day on in hours.
_STEP_S, _STEP_DAYS_S = 600, 3_600


def rhythm_sentence(rhythm: Rhythm, moment: datetime) -> str:
    """The rhythm with hours on the reader's clock, or that it is not known yet."""
    if not rhythm.is_believed and rhythm.change is None:
        return _("It has not reported often enough for its rhythm to be known.")
    words = {"rhythm": range_words(rhythm.low_s, rhythm.high_s)}
    if rhythm.change is not None:
        day = day_words(datetime.fromtimestamp(rhythm.change.day * 86_400, tz=UTC) + timedelta(hours=12), moment)
        words |= {"day": day, "before": range_words(rhythm.change.before_s, rhythm.change.before_s)}
        return _("Since %(day)s it usually reports %(rhythm)s; before, it reported %(before)s.") % words
    if rhythm.other is None:
        return _("It usually reports %(rhythm)s.") % words
    words |= _other_words(rhythm.other, moment)
    if rhythm.other.is_quiet:
        return _("It usually reports %(rhythm)s, but not between about %(start)s and %(end)s.") % words
    return _("It usually reports %(rhythm)s, and between about %(start)s and %(end)s %(other)s.") % words


def range_words(low_s: float, high_s: float) -> str:
    """How often, from the shortest to the longest usual pause: `every hour`, `every 55 to 65 min`."""
    step = 60 if high_s < _MINUTES_BELOW_S else _STEP_S if high_s < 86_400 else _STEP_DAYS_S
    low, high = (max(round(seconds / step), 1) * step for seconds in (low_s, high_s))
    if low == high:
        return interval_words(low)
    if step == 60:
        return _("every %(low)d to %(high)d min") % {"low": low // 60, "high": high // 60}
    return _("every %(low)s to %(high)s") % {"low": duration_words(low), "high": duration_words(high)}


def _other_words(other: OtherHours, moment: datetime) -> dict[str, str]:
    midnight = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    shape = pgettext("time of day", "H:i")
    start, end = (
        dateformat.format(viewer_time(midnight + timedelta(hours=hour)), shape) for hour in (other.start, other.end)
    )
    return {"start": start, "end": end, "other": range_words(other.seconds, other.seconds)}
