"""How a station's state is shown: the state, a word, a sign, and one sentence with the reason and what to do."""

from datetime import datetime
from typing import Any, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fleet.core.spoken import day_words, duration_words, interval_words, moment_words
from fleet.stations.contact.deadlines import MISSED_MOST, interval_of, reports_missed
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
    """A station's state in words: `lead` is the state with since when, `rest` the reason and what to do."""

    state: str
    word: str
    sign: str
    lead: str
    rest: str

    @property
    def sentence(self) -> str:
        """Both parts as one text."""
        return f"{self.lead} {self.rest}".strip()


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


def state_shown(
    station: Station, contact: StationContact | None, moment: datetime, *, is_window_seen: bool = True
) -> str:
    """The state that takes precedence: retired, maintenance, asleep, then contact.

    `is_window_seen` False: as it would be without planned maintenance, for messages sent once that is over. Deadlines
    are compared with the moment: a station whose deadline has passed is late even before the sweep sees it.
    """
    if station.retired_at is not None:
        return "retired"
    if station.is_in_maintenance and not _is_past(station.maintenance_until, moment):
        return "maintenance"
    if is_window_seen and _is_ahead(station.window_until, moment):
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


def station_shown(
    station: Station,
    contact: StationContact | None,
    moment: datetime,
    *,
    is_battery_falling: bool = False,
    is_window_seen: bool = True,
) -> Shown:
    """State, word, sign and sentence of a station at a moment. The caller says whether the battery is falling."""
    state = state_shown(station, contact, moment, is_window_seen=is_window_seen)
    lead, rest = _sentence(state, station, contact, moment)
    if (
        state == "silent"
        and contact is not None
        and contact.last_contact_at is not None
        and station.suspended_at is None
    ):
        rest += " " + cause_words(contact.health, is_battery_falling=is_battery_falling)
    return Shown(state, state_word(state), SIGNS[state], lead, rest)


def _sentence(state: str, station: Station, contact: StationContact | None, moment: datetime) -> tuple[str, str]:
    """The state with since when, and the reason with what to do."""
    if state == "retired" and station.retired_at is not None:
        lead = _("Retired on %(day)s.") % {"day": day_words(station.retired_at, moment)}
        return lead, _("Its login is closed; what it sent is kept.")
    if station.suspended_at is not None:
        return _("Suspended since %(since)s.") % {"since": moment_words(station.suspended_at, moment)}, _(
            "It sent more than this server accepts from one station. It keeps its data. Find out why, then lift the "
            "suspension on the page “Settings”."
        )
    if state == "maintenance":
        return _maintained(station, moment)
    if state == "asleep" and station.asleep_until is not None:
        lead = _("Asleep by plan until %(end)s.") % {"end": moment_words(station.asleep_until, moment)}
        return lead, _("It is expected to be silent until then.")
    if state == "never_seen" or contact is None or contact.last_contact_at is None:
        return _("Never seen."), _never_seen(station)
    return _heard(state, station, contact, contact.last_contact_at, moment)


def _maintained(station: Station, moment: datetime) -> tuple[str, str]:
    until = station.maintenance_until
    is_by_hand = station.is_in_maintenance and not _is_past(until, moment)
    if is_by_hand and until is None:
        return _("In maintenance."), _("Its silence causes no alert. End the maintenance when the work is done.")
    planned = station.window_until
    if planned is not None and planned > moment and not (is_by_hand and until is not None and until > planned):
        lead = _("In maintenance until %(end)s, because of “%(reason)s”.") % {
            "end": moment_words(planned, moment),
            "reason": station.window_reason,
        }
        return lead, _("It causes no alerts until then. You are alerted then to what is still wrong.")
    if until is None:
        return _("In maintenance."), ""
    lead = _("In maintenance until %(end)s.") % {"end": moment_words(until, moment)}
    return lead, _("Its silence causes no alert until then.")


def _never_seen(station: Station) -> str:
    if station.generation == 0:
        return _("It is not enrolled yet. Create an enrolment token and type it at the station.")
    return _(
        "It was enrolled, but has not sent anything yet. Check at the station that its agent runs and reaches the "
        "broker: station-agent status."
    )


def _heard(state: str, station: Station, contact: StationContact, last: datetime, moment: datetime) -> tuple[str, str]:
    elapsed_s, interval_s = (moment - last).total_seconds(), interval_of(station, contact)
    words = {"last": moment_words(last, moment), "ago": duration_words(elapsed_s)}
    rhythm = _("It reports %(rhythm)s.") % {"rhythm": interval_words(interval_s)}
    if state == "on_time":
        return _("On time: last contact %(last)s (%(ago)s ago).") % words, rhythm
    if state == "late":
        lead = _("Late: last contact %(last)s (%(ago)s ago).") % words
        if contact.silent_after is None:
            return lead, rhythm
        until = _("Nothing to do yet; without contact until %(end)s it counts as silent.")
        return lead, rhythm + " " + until % {"end": moment_words(contact.silent_after, moment)}
    if 0 < (missed := reports_missed(station, contact, moment)) <= MISSED_MOST:
        rhythm = ngettext(
            "It reports %(rhythm)s and missed one report.", "It reports %(rhythm)s and missed %(n)d reports.", missed
        ) % {"rhythm": interval_words(interval_s), "n": missed}
    return _("Silent since %(last)s (%(ago)s).") % words, rhythm


def cause_words(health: dict[str, Any], *, is_battery_falling: bool = False) -> str:
    """The likeliest cause according to the last health message, and what to check first."""
    if not health:
        return _("It has never reported its health: check its network and power.")
    battery, disk = _number(health, "battery_v"), _number(health, "disk_percent")
    heat, signal = _number(health, "temperature_c"), _number(health, "signal_dbm")
    if battery is not None and (is_battery_falling or BATTERY.is_bad(battery)):
        falling = _("The battery was at %(volt)s V and falling: check power first.")
        shape = falling if is_battery_falling else _("The battery was at %(volt)s V: check power first.")
        return shape % {"volt": volts_shown(battery)}
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
