"""A station's data use this month, as its agent counts it, with a forecast for the end of the month."""

import calendar
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fleet.core.spoken import count_words, day_words, decimal_words
from fleet.stations.models import Station, StationDataUse

#: How much of the month a forecast requires; one based on an hour would only reflect that hour.
FORECAST_FROM = timedelta(days=1)
#: Share of the plan from which people are warned.
WARN_FROM = 0.8


class MonthlyDataUse(NamedTuple):
    """Bytes in a month. `total` is what the link carried both ways, None if the agent does not count it."""

    total: int | None
    sent: int
    received: int
    #: Message bodies and messages that reached the server, counted by the server.
    payload_bytes: int
    messages: int
    #: Expected bytes by the end of the month; None while it is too early to say.
    forecast: int | None
    plan: int | None
    sentence: str

    @property
    def is_over(self) -> bool:
        """Whether to warn somebody: most of the plan is used, or it will not last the month."""
        if not self.plan or self.total is None:
            return False
        return self.total >= WARN_FROM * self.plan or (self.forecast is not None and self.forecast > self.plan)


def month_of(moment: datetime) -> datetime:
    """The first moment of the moment's month, UTC."""
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def data_use_of(*, station: Station, moment: datetime) -> MonthlyDataUse | None:
    """This month's use; None if no message has arrived this month."""
    row = StationDataUse.objects.filter(station=station, month=month_of(moment).date()).first()
    return None if row is None else data_use_shown(row, station.data_plan_bytes, moment)


def data_use_shown(row: StationDataUse, plan: int | None, moment: datetime) -> MonthlyDataUse:
    """One month's row with its forecast and sentence."""
    total = None if row.sent is None or row.received is None else row.sent + row.received
    forecast = None if total is None else _forecast(row, total, moment)
    return MonthlyDataUse(
        total,
        row.sent or 0,
        row.received or 0,
        row.payload_bytes,
        row.messages,
        forecast,
        plan,
        _sentence(row, total, forecast, plan, moment),
    )


def megabytes(count: float) -> str:
    """Bytes in MB or kB, for people."""
    return f"{decimal_words(count / 1e6, 1)} MB" if count >= 1e5 else f"{decimal_words(count / 1e3, 1)} kB"


def _forecast(row: StationDataUse, total: int, moment: datetime) -> int | None:
    begin = max(month_of(moment), row.first_at)
    passed = moment - begin
    if passed < FORECAST_FROM:
        return None
    return round(total + total / passed.total_seconds() * (_month_end(moment) - moment).total_seconds())


def _month_end(moment: datetime) -> datetime:
    begin = month_of(moment)
    return begin + timedelta(days=calendar.monthrange(begin.year, begin.month)[1])


def _sentence(row: StationDataUse, total: int | None, forecast: int | None, plan: int | None, moment: datetime) -> str:
    if total is None:
        text = ngettext(
            "%(messages)s message with %(bytes)s of content this month; the agent does not count the traffic "
            "on its link.",
            "%(messages)s messages with %(bytes)s of content this month; the agent does not count the traffic "
            "on its link.",
            row.messages,
        )
        return text % {"messages": count_words(row.messages), "bytes": megabytes(row.payload_bytes)}
    # Months are counted in UTC, whoever reads.
    with timezone.override(None):
        end = day_words(_month_end(moment), moment)
    words = {"used": megabytes(total), "plan": megabytes(plan or 0), "end": end}
    text = (
        _("%(used)s of %(plan)s on its link this month") % words
        if plan
        else _("%(used)s on its link this month") % words
    )
    if forecast is None:
        return text + "."
    return text + _("; at this rate %(forecast)s by %(end)s.") % {**words, "forecast": megabytes(forecast)}
