"""The words of a digest: plain text in the reader's language and time zone; the caller has chosen both."""

from datetime import datetime, timedelta
from urllib.parse import quote

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fleet.alerts.digest.facts import DigestFacts, MessageCounts, Some
from fleet.alerts.models import Incident
from fleet.alerts.selectors import incident_shown
from fleet.core.spoken import count_words, day_words, decimal_words, one_line
from fleet.core.zones import is_utc, zone_words
from fleet.organizations.models import Organization
from fleet.stations.contact.sentences import station_shown
from fleet.stations.models import Station

_SUBJECT_MOST = 150


def digest_subject(organization: Organization, facts: DigestFacts) -> str:
    """`Digest: Old Cut Observatory, 23 Nov to 29 Nov`."""
    words = {"organization": one_line(organization.name), "time": _period(facts)}
    subject = _("Digest: %(organization)s, %(time)s") % words
    return subject if len(subject) <= _SUBJECT_MOST else subject[: _SUBJECT_MOST - 1] + "…"


def digest_body(organization: Organization, facts: DigestFacts, moment: datetime) -> str:
    """The numbers first, then the lists, and last how to get fewer digests."""
    parts = [
        _numbers(organization, facts),
        *_stations(facts.needing, moment),
        *_incidents(_("Still open:"), facts.going_on),
        *_incidents(_("Ended:"), facts.ended),
        _completeness(facts.now, facts.before),
        "--\n" + "\n".join([*_zone(moment), _less(organization)]),
    ]
    return "\n\n".join(parts) + "\n"


def _period(facts: DigestFacts) -> str:
    first, last = facts.start, facts.end - timedelta(seconds=1)
    start, end = day_words(first, last), day_words(last, last)
    return end if start == end else _("%(first)s to %(last)s") % {"first": start, "last": end}


def _numbers(organization: Organization, facts: DigestFacts) -> str:
    words = {"organization": one_line(organization.name), "time": _period(facts)}
    head = _("%(organization)s, %(time)s:") % words
    if not facts.opened and not facts.ended.number and not facts.going_on.number:
        return f"{head} {_('no incidents opened, and none was open.')}"
    opened = ngettext("%(n)d incident opened", "%(n)d incidents opened", facts.opened) % {"n": facts.opened}
    ended = ngettext("%(n)d ended", "%(n)d ended", facts.ended.number) % {"n": facts.ended.number}
    going_on = ngettext(
        "%(n)d was open at the end of this time.", "%(n)d were open at the end of this time.", facts.going_on.number
    ) % {"n": facts.going_on.number}
    return f"{head} {opened}, {ended}, {going_on}"


def _stations(needing: Some, moment: datetime) -> list[str]:
    if not needing.number:
        return [_("No station needs attention now.")]
    head = ngettext("%(n)d station needs attention now:", "%(n)d stations need attention now:", needing.number)
    named = [f"* {_name(one)}: {_state(one, moment)}\n  {_station_url(one)}" for one in needing.first]
    return ["\n".join([head % {"n": needing.number}, *named, *_more(needing, "/stations/?state=attention")])]


def _state(station: Station, moment: datetime) -> str:
    return one_line(station_shown(station, getattr(station, "contact", None), moment).sentence)


def _incidents(head: str, some: Some) -> list[str]:
    if not some.number:
        return []
    named = [f"* {_name(one.station)}: {_incident(one)}\n  {_incident_url(one)}" for one in some.first]
    return ["\n".join([head, *named, *_more(some, "/incidents/")])]


def _incident(incident: Incident) -> str:
    shown = incident_shown(incident)
    return one_line(f"{shown.short}. {shown.sentence}")


def _more(some: Some, where: str) -> list[str]:
    if some.more <= 0:
        return []
    more = ngettext("and %(n)d more", "and %(n)d more", some.more) % {"n": some.more}
    return [f"{more}: {settings.SITE_URL}{where}"]


def _completeness(now: MessageCounts, before: MessageCounts | None) -> str:
    """How much of the numbered data has arrived, and how much was lost or found since the previous digest."""
    if now.percent is None:
        return _("How complete the data is cannot be said yet: no station has sent a numbered message.")
    words = {
        "percent": decimal_words(now.percent, 2),
        "received": count_words(now.received),
        "waiting": count_words(now.on_station),
        "lost": count_words(now.lost),
    }
    parts = [
        _(
            "%(percent)s %% of the data has arrived: %(received)s messages are here, %(waiting)s are still on stations, "
            "and %(lost)s are lost."
        )
        % words
    ]
    if before is None:
        return parts[0]
    if now.lost > before.lost:
        parts.append(_("%(n)s more are lost than in the previous digest.") % {"n": count_words(now.lost - before.lost)})
    elif now.lost < before.lost:
        found = {"n": count_words(before.lost - now.lost)}
        parts.append(_("%(n)s fewer are lost than in the previous digest: they arrived after all.") % found)
    else:
        parts.append(_("As many are lost as in the previous digest."))
    return f"{' '.join(parts)}\n{settings.SITE_URL}/completeness/"


def _name(station: Station) -> str:
    return one_line(f"{station.name} ({station.serial})" if station.name else station.serial)


def _zone(moment: datetime) -> list[str]:
    return [] if is_utc() else [_("Times are in %(zone)s.") % {"zone": zone_words(moment)}]


def _less(organization: Organization) -> str:
    where = f"{settings.SITE_URL}/organizations/{quote(organization.slug, safe='')}/alerts/"
    words = {"organization": one_line(organization.name), "url": where}
    return _("You get this because you chose a digest of %(organization)s. To change that: %(url)s") % words


def _station_url(station: Station) -> str:
    return f"{settings.SITE_URL}/stations/{quote(station.serial, safe='')}/"


def _incident_url(incident: Incident) -> str:
    return f"{settings.SITE_URL}/incidents/{incident.pk}/"
