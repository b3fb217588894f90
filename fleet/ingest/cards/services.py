"""Sending a card: surveyed first, refused while a question about it is open, and surveyed again afterwards."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _

from fleet.core.audit import audit
from fleet.core.errors import Conflict
from fleet.ingest.cards.box import CardBox
from fleet.ingest.cards.known import offsets_of, stations_of_serial
from fleet.ingest.cards.sending import CardSender
from fleet.ingest.cards.survey import CardSurvey, StationOnCard, card_survey, serials_of
from fleet.organizations.access import Role, Viewer
from fleet.stations.models import Station
from message_queue.errors import SerialNotAllowed
from message_queue.publisher import Publisher
from message_queue.routing import serial_check

#: Maximum other stations that a question names.
_NAMED_MOST = 5


@dataclass(frozen=True, slots=True)
class CardAnswers:
    """The person's answers to the questions about the card."""

    #: Other serials whose files are this station's.
    also_of: Sequence[str] = ()
    #: Files of other stations stay on the card.
    leaves_others: bool = False
    #: Lines with an impossible time, or from an unset clock, are sent too.
    any_clock: bool = False


@dataclass(frozen=True, slots=True)
class CardQuestion:
    """A question to answer before anything is written; `option` tells how to answer it on the command line.

    `kind`: `none`, `others`, `clock` or `corrected`. `none` and `corrected` have no answer: first remove their cause.
    """

    kind: str
    sentence: str
    option: str = ""

    def __str__(self) -> str:
        return f"{self.sentence} {self.option}".strip()


@dataclass(frozen=True, slots=True)
class CardSent:
    """The card before and after, and the messages: sent now, here before, and held back by reason.

    `missing`: lines of the station that are not here although all messages have arrived: their rows were removed since,
    as by retention, or their messages are held back.
    """

    before: CardSurvey
    after: CardSurvey
    sent: int
    known: int
    held: Counter[str]
    missing: int


def card_send(
    *,
    actor: Viewer,
    station: Station,
    box: CardBox,
    answers: CardAnswers,
    tell: Callable[[int], None] = lambda _: None,
) -> CardSent:
    """Send all lines on the card that belong to this station and are not here yet.

    Raises `Conflict` with all open questions before anything is written, and `Unavailable` if the broker or ingest do
    not take it.
    """
    actor.require(Role.OPERATOR, to=_("send the card of %(serial)s"), station=station)
    try:
        serial_check(station.serial)
    except SerialNotAllowed as error:
        raise Conflict(
            _("%(serial)s can no longer receive data: send the card for the station that succeeded it.")
            % {"serial": station.serial}
        ) from error
    corrected = _offsets(station)
    before = card_survey(box, station=station, also_of=answers.also_of)
    if questions := card_questions(station=station, found=before.stations, answers=answers):
        raise Conflict(" ".join([*map(str, questions), _("Nothing was sent.")]))
    if _offsets(station) != corrected:
        raise Conflict(
            _("Times of %(serial)s were corrected while its card was surveyed, so nothing was sent: run it again.")
            % {"serial": station.serial}
        )
    own = serials_of(station, answers.also_of)
    audit(actor, station, "card.send", card=box.path.name, files=sum(on.files for on in _own(before.stations, own)))
    with Publisher(settings.ROOST_COMMAND_BROKER_URL) as publisher:
        sender = CardSender(station, publisher, tell)
        sender.send(box.reader(own))
    after = card_survey(box, station=station, also_of=answers.also_of)
    missing = sum(on.new.total() for on in _own(after.stations, own))
    return CardSent(before, after, sender.sent, sender.known, sender.held(), missing)


def card_questions(*, station: Station, found: list[StationOnCard], answers: CardAnswers) -> list[CardQuestion]:
    """Questions to answer before a card with these stations' files is sent as this station's."""
    own = serials_of(station, answers.also_of)
    mine, others = _own(found, own), [on for on in found if on.serial and on.serial not in own]
    asked = []
    if not any(on.files for on in mine):
        asked.append(
            CardQuestion("none", _("No file on this card is named for %(serial)s.") % {"serial": station.serial})
        )
    if others and not answers.leaves_others:
        named = ", ".join(f"{on.serial} ({on.files})" for on in others[:_NAMED_MOST])
        asked.append(
            CardQuestion(
                "others",
                _("The card has files of other stations: %(named)s.")
                % {"named": named + (", …" if len(others) > _NAMED_MOST else "")},
                _(
                    "If they are %(serial)s's, name each serial with --also-of; to leave them on the card, use "
                    "--leave-others."
                )
                % {"serial": station.serial},
            )
        )
    unset, wrong = sum(on.unset for on in mine), sum(on.wrong for on in mine)
    if (unset or wrong) and not answers.any_clock:
        first = min(on.doubtful_file for on in mine if on.doubtful_file)
        asked.append(
            CardQuestion(
                "clock",
                _(
                    "%(unset)d lines were written while the clock was not set, and %(wrong)d have a time before 2010 or "
                    "in the future; the first such file is %(first)s."
                )
                % {"unset": unset, "wrong": wrong, "first": first},
                _("To send them too, marked as doubtful, use --any-clock."),
            )
        )
    if corrected := sum(on.corrected for on in mine):
        asked.append(
            CardQuestion(
                "corrected",
                _(
                    "%(n)d lines are here already with a corrected time, and would come again with the wrong one. Undo "
                    "the correction of times on the station's page, send the card, and correct the times again."
                )
                % {"n": corrected},
            )
        )
    return asked


def _offsets(station: Station) -> list[int]:
    """Microseconds by which rows of the station are corrected now."""
    return sorted(offsets_of(stations_of_serial(station)))


def _own(found: list[StationOnCard], own: frozenset[str]) -> list[StationOnCard]:
    return [on for on in found if not on.serial or on.serial in own]
