"""Sentences about shared failures, stations that are silent behind a gateway, and messages that the storm cap holds."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fleet.alerts.grouping.storm import WINDOW, held_number
from fleet.alerts.models import Incident, Notification
from fleet.alerts.models.shared import SharedFailure
from fleet.core.spoken import duration_words, moment_words, one_line
from fleet.core.zones import is_utc, zone_words
from fleet.stations.models import Station
from fleet.stations.parents import CHAIN_MOST

#: Stations behind a gateway that a message names.
NAMED_MOST: Final = 20


def shared_stations(failure: SharedFailure, number: int, total: int) -> str:
    """`17 of 20 stations at Old Cut`."""
    words = {"some": number, "n": total, "name": one_line(failure.name)}
    if failure.cause == SharedFailure.Cause.SITE:
        text = ngettext("%(some)d of %(n)d station at %(name)s", "%(some)d of %(n)d stations at %(name)s", total)
    elif failure.cause == SharedFailure.Cause.NETWORK:
        text = ngettext(
            "%(some)d of %(n)d station in the network %(name)s",
            "%(some)d of %(n)d stations in the network %(name)s",
            total,
        )
    else:
        text = ngettext("%(some)d of %(n)d station of %(name)s", "%(some)d of %(n)d stations of %(name)s", total)
    return text % words


def shared_sentence(failure: SharedFailure, moment: datetime) -> str:
    """A sentence on the failure and on what to check first; once it is over, on how it ended."""
    if failure.closed_at is not None:
        return _over_sentence(failure, moment)
    words = {
        "stations": shared_stations(failure, failure.fallen, failure.total),
        "time": duration_words((failure.last_at - failure.first_at).total_seconds()),
        "moment": moment_words(failure.last_at, moment),
    }
    parts = [_("%(stations)s fell silent within %(time)s, the last of them at %(moment)s.") % words]
    parts.append(_("First check what they share: a network, a provider, a power supply, a storm."))
    return " ".join(parts)


def _over_sentence(failure: SharedFailure, moment: datetime) -> str:
    words = {
        "stations": shared_stations(failure, failure.fallen, failure.total),
        "moment": moment_words(failure.first_at, moment),
    }
    parts = [_("%(stations)s were silent from %(moment)s on.") % words]
    left = failure.left_silent or 0
    if left:
        parts.append(ngettext("%(n)d is still silent.", "%(n)d are still silent.", left) % {"n": left})
    else:
        parts.append(_("All are back."))
    return " ".join(parts)


def incidents_behind(incidents: Sequence[Incident]) -> list[Incident]:
    """Open incidents that these hold, directly or through one another, nearest first; at most `CHAIN_MOST` queries."""
    found: list[Incident] = []
    level = [one.pk for one in incidents]
    for _step in range(CHAIN_MOST):
        held = Incident.objects.filter(held_by__in=level, closed_at=None).select_related("station")
        rows = list(held.order_by("station__name", "station__serial"))
        if not rows:
            break
        found += rows
        level = [one.pk for one in rows]
    return found


def behind_words(incidents: Sequence[Incident]) -> str:
    """The stations that are silent behind those of a message, which get no message of their own; empty for none."""
    behind = incidents_behind(incidents)
    if not behind:
        return ""
    first = ngettext(
        "Also silent because its gateway is, without a message of its own: %(n)d station.",
        "Also silent because their gateway is, without messages of their own: %(n)d stations.",
        len(behind),
    )
    lines = [first % {"n": len(behind)}, *(f"* {station_words(one.station)}" for one in behind[:NAMED_MOST])]
    if len(behind) > NAMED_MOST:
        more = len(behind) - NAMED_MOST
        lines.append(
            ngettext("and %(n)d more", "and %(n)d more", more) % {"n": more} + f": {settings.SITE_URL}/incidents/"
        )
    return "\n".join(lines)


def station_words(station: Station) -> str:
    """Name and serial on one line, even if the name contains line breaks."""
    return one_line(f"{station.name} ({station.serial})" if station.name else station.serial)


def storm_words(notification: Notification, moment: datetime) -> tuple[str, str]:
    """Subject and text of the message that more are held back."""
    number = held_number(notification)
    text = ngettext(
        "Roost held %(n)d more alert back, because you got %(most)d within an hour.",
        "Roost held %(n)d more alerts back, because you got %(most)d within an hour.",
        number,
    ) % {"n": number, "most": settings.ROOST_STORM_CAP}
    rest = _(
        "Alerts that Roost holds back are not sent later, and it may hold back more until %(end)s. All incidents are "
        "here: %(url)s"
    ) % {
        "end": moment_words(notification.created_at + WINDOW, moment),
        "url": f"{settings.SITE_URL}/incidents/",
    }
    zone = "" if is_utc() else "\n\n--\n" + _("Times are in %(zone)s.") % {"zone": zone_words(moment)}
    return ngettext("%(n)d more alert", "%(n)d more alerts", number) % {"n": number}, f"{text} {rest}{zone}\n"
