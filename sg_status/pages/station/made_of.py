"""The software and hardware of a station, its rhythm and its link, for the fold on its first page."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from fleet.core.spoken import interval_words
from fleet.stations.contact.deadlines import interval_of
from fleet.stations.data_use import data_use_of
from fleet.stations.models import Station, StationContact
from fleet.sync.selectors import LinkView, links_of
from message_queue.contracts.health import Health, Radio
from sg_status.command_words import profile_word
from sg_status.pages.station.health import Fact, also_said_of

#: Maximum characters of anything that a station says about itself.
_TEXT_MOST = 200


@dataclass(frozen=True, slots=True)
class MadeOf:
    """Facts, the radios, fields that are not in our contracts, and how other systems list the station."""

    facts: list[Fact]
    radios: list[Radio]
    also_said: list[Fact]
    links: list[LinkView]


def made_of(station: Station, contact: StationContact | None, health: Health | None, moment: datetime) -> MadeOf:
    """Everything known about the device itself."""
    hello = contact.hello if contact else {}
    hardware = hello.get("hardware")
    board = hardware.get("model") if isinstance(hardware, dict) else None
    use = data_use_of(station=station, moment=moment)
    facts = [
        Fact(_("Model"), str(station.model) if station.model_id else ""),
        Fact(_("Hardware"), _text(board)),
        Fact(_("Agent"), _text(hello.get("agent_version"))),
        Fact(_("Reports"), _rhythm(station, contact)),
        Fact(_("Data profile"), profile_word(_text(hello.get("profile")))),
        Fact(_("Data usage"), use.sentence if use else ""),
        Fact(_("Address in its network"), str(contact.address or "") if contact else ""),
        Fact(_("Organization"), station.organization.name),
    ]
    return MadeOf(
        [fact for fact in facts if fact.value],
        list(health.radios) if health else [],
        also_said_of(contact),
        links_of(station=station),
    )


def _text(value: object) -> str:
    return "" if value is None else str(value)[:_TEXT_MOST]


def _rhythm(station: Station, contact: StationContact | None) -> str:
    """How often it reports and how we know, in the order of `fleet.stations.contact.deadlines.interval_of`."""
    if contact is None:
        return ""
    source = _("assumed until more is known")
    if contact.announced_interval_s:
        source = _("announced by the station")
    elif station.operator_interval_s:
        source = _("set by an operator")
    elif contact.learned_interval_s:
        source = _("learned from its contacts")
    return f"{interval_words(interval_of(station, contact))}, {source}"
