"""`manage card`: survey a card that was brought home, and send it."""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fleet.core.command_line import REFUSED, WordCommand
from fleet.ingest.cards.box import CardBox
from fleet.ingest.cards.services import CardAnswers, CardSent, card_send
from fleet.ingest.cards.survey import CardSurvey, StationOnCard, card_survey
from fleet.organizations.access import viewer_of_server
from fleet.stations.selectors import station_get

Options = dict[str, Any]
#: Maximum files that are listed with their reason; `--json` lists all.
_NAMED_MOST = 20
_KINDS = {
    "p": "pulses",
    "n": "pulses in no burst",
    "T": "tags",
    "b": "decoded bursts",
    "G": "positions",
    "H": "health of nodes",
    "C": "clock",
    "S": "settings",
    "F": "filter",
    "other": "unreadable lines",
}


class Command(WordCommand):
    """Cards from the command line."""

    help = "Survey the card of a station, and send what is not here yet."

    def words(self, add: Callable[..., argparse.ArgumentParser]) -> None:
        """Add the subcommands of `card`."""
        word = add(
            "survey", self.card_survey, help="show what is on a card and how much of it is here already; writes nothing"
        )
        self._card_words(word)
        word.add_argument("--station", metavar="SERIAL", help="compare with this station, whatever the names say")
        word = add("send", self.card_send, help="send what is not here yet, and say what became of it")
        self._card_words(word)
        word.add_argument("--station", required=True, metavar="SERIAL", help="the station whose card it is")
        word.add_argument("--leave-others", action="store_true", help="leave the files of other stations on the card")
        word.add_argument("--any-clock", action="store_true", help="send lines with a wrong or unset clock too, marked")

    def _card_words(self, word: argparse.ArgumentParser) -> None:
        word.add_argument("card", type=Path, metavar="FOLDER|ZIP", help="the data folder of the card, or it as a zip")
        word.add_argument(
            "--also-of",
            action="append",
            default=[],
            metavar="SERIAL",
            help="take files of this serial as the station's",
        )

    def card_survey(self, options: Options) -> None:
        """Print the survey."""
        serial = options["station"]
        station = station_get(viewer=viewer_of_server("command line"), serial=serial) if serial else None
        with CardBox(options["card"]) as box:
            survey = card_survey(box, station=station, also_of=options["also_of"])
        if options["json"]:
            self.data_print(_survey_json(survey))
        else:
            self._survey_print(survey)

    def card_send(self, options: Options) -> None:
        """Send the card and print the outcome. The exit code is 1 if data is held back, refused or damaged."""
        actor = viewer_of_server("command line")
        station = station_get(viewer=actor, serial=options["station"])
        answers = CardAnswers(options["also_of"], options["leave_others"], options["any_clock"])
        with CardBox(options["card"]) as box:
            sent = card_send(actor=actor, station=station, box=box, answers=answers, tell=self._progress)
        if options["json"]:
            self.data_print(
                {
                    **_survey_json(sent.after),
                    "before": _survey_json(sent.before)["stations"],
                    "messages": {"sent": sent.sent, "known": sent.known, "held": dict(sent.held)},
                    "missing": sent.missing,
                }
            )
        else:
            self._sent_print(sent)
        if sent.held or not sent.after.is_whole:
            sys.exit(REFUSED)

    def _progress(self, settled: int) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"\r{settled} messages are in the database … ", ending="")

    def _survey_print(self, survey: CardSurvey) -> None:
        for on in survey.stations:
            self.stdout.write(f"\n{_station_words(on)}")
            rows = [
                [letter, _KINDS[letter], str(on.lines[letter]), str(on.new[letter]), str(on.known[letter])]
                for letter in _KINDS
                if on.lines[letter]
            ]
            if rows:
                self.table_print(["LINE", "WHAT", "ON THE CARD", "NEW", "HERE ALREADY"], rows)
            for sentence in _clock_words(on):
                self.stdout.write(sentence)
        self.stdout.write(f"\n{_total_words(survey)}")
        for report in survey.refused[:_NAMED_MOST]:
            self.stdout.write(f"  {report.file}: {report.account.reason or _refusals_words(report.account.refusals)}")
        if len(survey.refused) > _NAMED_MOST:
            self.stdout.write(f"  and {len(survey.refused) - _NAMED_MOST} more files; --json names all.")

    def _sent_print(self, sent: CardSent) -> None:
        was, now = _known_sum(sent.before.stations), _known_sum(sent.after.stations)
        self._survey_print(sent.after)
        self.stdout.write(
            f"\n{sent.sent} messages were sent, and {sent.known} were here already. "
            f"{now - was} lines are new in the database."
        )
        if sent.missing:
            self.stdout.write(
                f"{sent.missing} lines are not in the database although their messages have arrived: they were removed since, "
                "as by retention, or are held back."
            )
        for reason, number in sent.held.items():
            self.stdout.write(f"{number} messages are held back ({reason}): see the page “Held back”.")


def _station_words(on: StationOnCard) -> str:
    who = on.serial or "Files without a serial in their name"
    if on.station:
        who = f"{who}: {on.station.serial} of {on.station.organization.name}"
    elif on.serial:
        who = f"{who}: no station of this name is registered"
    span = f", {_moment(on.first_at)} to {_moment(on.last_at)}" if on.first_at is not None else ""
    return f"{who}. {on.files} files{span}."


def _clock_words(on: StationOnCard) -> Iterable[str]:
    if on.unset:
        yield f"{on.unset} lines were written while the clock was not set."
    if on.wrong:
        yield f"{on.wrong} lines have a time before 2010 or in the future."
    if on.corrected:
        yield f"{on.corrected} lines are here already with a corrected time."


def _total_words(survey: CardSurvey) -> str:
    tally = survey.tally
    return (
        f"{len(survey.reports)} files ({len(survey.refused)} refused, left or damaged). {tally.bytes_read} bytes read = "
        f"{tally.bytes_taken} of lines + {tally.bytes_known} of copies on the card + {tally.bytes_kept_back} left + "
        f"{tally.bytes_refused} refused."
    )


def _refusals_words(refusals: dict[str, int]) -> str:
    return ", ".join(f"{number} {word}" for word, number in refusals.items())


def _moment(at: int | None) -> str:
    return "" if at is None else datetime.fromtimestamp(at / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _known_sum(stations: Iterable[StationOnCard]) -> int:
    return sum((on.known for on in stations), Counter[str]()).total()


def _survey_json(survey: CardSurvey) -> dict[str, Any]:
    return {
        "stations": [
            {
                "serial": on.serial,
                "station": on.station.serial if on.station else None,
                "organization": on.station.organization.name if on.station else None,
                "files": on.files,
                "first": _moment(on.first_at),
                "last": _moment(on.last_at),
                "lines": {letter: on.lines[letter] for letter in _KINDS},
                "new": {letter: on.new[letter] for letter in _KINDS},
                "here": {letter: on.known[letter] for letter in _KINDS},
                "clock_unset": on.unset,
                "clock_wrong": on.wrong,
                "corrected": on.corrected,
            }
            for on in survey.stations
        ],
        "files": len(survey.reports),
        "total": survey.tally._asdict(),
        "refused": [
            {"name": report.file, "reason": report.account.reason, "refusals": report.account.refusals}
            for report in survey.refused
        ],
    }
