"""How a station's state is shown: the state, a word, a sign, and one sentence with the reason and what to do."""

from datetime import datetime
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from fleet.core.spoken import duration_words, interval_words, moment_words
from fleet.stations.contact.deadlines import interval_of
from fleet.stations.contact.health_marks import BATTERY, DISK, HEAT, SIGNAL_WEAK_DBM, percent_shown, volts_shown
from fleet.stations.models import Station, StationContact

#: Shapes that colour-blind people can tell apart; the word is always shown with them.
SIGNS = {
    "on_time": "●",
    "late": "◐",
    "silent": "○",
    "asleep": "☾",
    "maintenance": "⚒",
    "retired": "✕",
    "never_seen": "?",
}


class Shown(NamedTuple):
    """What people see of a station's state."""

    state: str
    word: str
    sign: str
    sentence: str


def state_word(state: str) -> str:
    """The state as shown to people."""
    words = {
        "on_time": _("on time"),
        "late": _("late"),
        "silent": _("silent"),
        "asleep": _("asleep by plan"),
        "maintenance": _("maintenance"),
        "retired": _("retired"),
        "never_seen": _("never seen"),
    }
    return words[state]


def state_shown(station: Station, contact: StationContact | None, moment: datetime) -> str:
    """The state that takes precedence: retired, maintenance, asleep, then contact.

    Deadlines are compared with the moment: a station whose deadline has passed is late even before the sweep sees it.
    """
    if station.retired_at is not None:
        return "retired"
    if station.is_in_maintenance:
        return "maintenance"
    if _is_ahead(station.asleep_until, moment):
        return "asleep"
    return _contact_state(contact, moment)


def _contact_state(contact: StationContact | None, moment: datetime) -> str:
    if contact is None or contact.state == StationContact.State.NEVER_SEEN:
        return "never_seen"
    if contact.state == StationContact.State.SILENT or _is_past(contact.silent_after, moment):
        return "silent"
    if contact.state == StationContact.State.LATE or _is_past(contact.late_after, moment):
        return "late"
    return "on_time"


def station_shown(station: Station, contact: StationContact | None, moment: datetime) -> Shown:
    """State, word, sign and sentence of a station at a moment."""
    state = state_shown(station, contact, moment)
    return Shown(state, state_word(state), SIGNS[state], _sentence(state, station, contact, moment))


def _sentence(state: str, station: Station, contact: StationContact | None, moment: datetime) -> str:
    if state == "retired" and station.retired_at is not None:
        return _("Retired on %(day)s. Its login is closed; what it sent is kept.") % {
            "day": station.retired_at.strftime("%Y-%m-%d")
        }
    if station.suspended_at is not None:
        return _(
            "Suspended since %(since)s: it sent more than this server accepts from one station. It keeps its "
            "data. Find out why, then let it in again on the page “Settings”."
        ) % {"since": moment_words(station.suspended_at, moment)}
    if state == "maintenance":
        return _("In maintenance: silence raises no alarm. End the maintenance when the work is done.")
    if state == "asleep" and station.asleep_until is not None:
        return _("Asleep by plan until %(end)s; silence is expected until then.") % {
            "end": moment_words(station.asleep_until, moment)
        }
    if state == "never_seen" or contact is None or contact.last_contact_at is None:
        return _never_seen(station)
    return _heard(state, station, contact, contact.last_contact_at, moment)


def _never_seen(station: Station) -> str:
    if station.generation == 0:
        return _("Never seen: it is not enrolled yet. Make an enrolment token and type it at the station.")
    return _(
        "Never seen: it was enrolled, but has not sent anything yet. Check at the station that its agent runs "
        "and reaches the broker: station-agent status."
    )


def _heard(state: str, station: Station, contact: StationContact, last: datetime, moment: datetime) -> str:
    words = {
        "last": moment_words(last, moment),
        "ago": duration_words((moment - last).total_seconds()),
        "rhythm": interval_words(interval_of(station, contact)),
    }
    if state == "on_time":
        return _("On time: last contact at %(last)s (%(ago)s ago). It reports %(rhythm)s.") % words
    if state == "late":
        text = _("Late: last contact at %(last)s (%(ago)s ago). It reports %(rhythm)s.") % words
        if contact.silent_after is None:
            return text
        until = _("Nothing to do yet; without contact until %(end)s it counts as silent.")
        return text + " " + until % {"end": moment_words(contact.silent_after, moment)}
    text = _("Silent since %(last)s (%(ago)s). It reports %(rhythm)s.") % words
    return text + " " + _cause(contact.health)


def _cause(health: dict[str, Any]) -> str:
    """The likeliest cause according to the last health message, and what to check first."""
    if not health:
        return _("It has never reported its health: check its network and power.")
    battery, disk = _number(health, "battery_v"), _number(health, "disk_percent")
    heat, signal = _number(health, "temperature_c"), _number(health, "signal_dbm")
    if battery is not None and BATTERY.is_bad(battery):
        return _("The battery was at %(volt)s V: check power first.") % {"volt": volts_shown(battery)}
    if disk is not None and DISK.is_bad(disk):
        return _("Its disk was %(percent)s %% full: check that first.") % {"percent": percent_shown(disk)}
    if heat is not None and HEAT.is_bad(heat):
        return _("It was at %(heat).0f °C: check its shade and ventilation first.") % {"heat": heat}
    if signal is not None and signal <= SIGNAL_WEAK_DBM:
        return _("Its signal was weak (%(dbm).0f dBm): check the network first.") % {"dbm": signal}
    return _("Its last report showed nothing wrong: check its network and power.")


def _number(health: dict[str, Any], name: str) -> float | None:
    value = health.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _is_past(deadline: datetime | None, moment: datetime) -> bool:
    return deadline is not None and deadline <= moment


def _is_ahead(end: datetime | None, moment: datetime) -> bool:
    return end is not None and end > moment
