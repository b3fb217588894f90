"""Bodies of requests and answers about back-fills: questions, report, and files."""

from datetime import datetime
from typing import Any

from rest_framework import serializers

from fleet.ingest.backfill.selectors import backfill_questions, backfill_report
from fleet.ingest.backfill.services import ALSO_MOST, CHOSEN_MOST
from fleet.ingest.models import Backfill
from rest_api.lists import ID_MOST, ListQuery
from rest_api.paging import page_of
from rest_api.questions import StrictSerializer

_LETTERS = "The letter of the line's kind: `p` pulses, `T` tags, `G` positions, `C` clock, `S` settings, and so on."


def _also_of() -> Any:
    return serializers.ListField(
        child=serializers.CharField(max_length=80),
        required=False,
        max_length=ALSO_MOST,
        help_text="Serials whose files are also this station's.",
    )


class BackfillIn(StrictSerializer):
    """Which stored files to read. Default: all of them."""

    search = serializers.CharField(required=False, max_length=100, default="", help_text="Part of the path.")
    files = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=ID_MOST),
        required=False,
        max_length=CHOSEN_MOST,
        help_text="Ids of stored revisions.",
    )
    stored_since = serializers.DateTimeField(
        required=False, help_text="Only what was uploaded at or after this moment."
    )
    is_unread = serializers.BooleanField(default=False, help_text="Only what no finished back-fill has read.")
    also_of = _also_of()


class BackfillAnswersIn(StrictSerializer):
    """Answers to the questions. If `also_of` changes, the files are surveyed again."""

    also_of = _also_of()
    leave_others = serializers.BooleanField(default=False, help_text="Leave the files of other stations alone.")
    any_clock = serializers.BooleanField(default=False, help_text="Send lines with a doubtful time too, marked.")


class QuestionOut(serializers.Serializer[Any]):
    """A question to answer, or a thing to do, before anything is sent."""

    kind = serializers.ChoiceField(
        choices=["none", "others", "clock", "corrected"],
        help_text="`others`: answer with `also_of` or `leave_others`. `clock`: with `any_clock`. The others have no answer.",
    )
    sentence = serializers.CharField()


class KindOut(serializers.Serializer[Any]):
    """Lines of one kind in the station's own files. `lines = here_before + new + missing`."""

    kind = serializers.CharField(source="letter", help_text=_LETTERS)
    lines = serializers.IntegerField()
    here_before = serializers.IntegerField(
        source="before", help_text="Lines that were already here at the survey, however they arrived."
    )
    new = serializers.IntegerField(
        help_text="Lines that were not here at the survey; once the back-fill is done, only those that are here now."
    )
    missing = serializers.IntegerField(help_text="Lines that were sent but are not here: see `held`.")


class OtherStationOut(serializers.Serializer[Any]):
    """Files whose names contain another station's serial."""

    serial = serializers.CharField()
    files = serializers.IntegerField()
    lines = serializers.SerializerMethodField()

    def get_lines(self, on: Any) -> int:
        """Lines of all kinds."""
        return int(on.lines.total())


class BackfillOut(serializers.Serializer[Any]):
    """A back-fill. `lines_read` is the sum of taken, known, kept-back and refused lines; the same holds for bytes."""

    id = serializers.IntegerField()
    state = serializers.ChoiceField(choices=Backfill.State.choices)
    asked_by = serializers.CharField(source="asked_by_name")
    asked_at = serializers.DateTimeField()
    answered_by = serializers.CharField(source="answered_by_name")
    answered_at = serializers.DateTimeField(allow_null=True)
    done_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField(help_text="Why it failed, or what it waits for.")
    search = serializers.CharField()
    stored_since = serializers.DateTimeField(allow_null=True)
    is_unread = serializers.BooleanField()
    also_of = serializers.ListField(child=serializers.CharField())
    stored_files = serializers.IntegerField(source="stored_all")
    stored_bytes = serializers.IntegerField(source="octets_all")
    progress = serializers.SerializerMethodField(help_text="Of the survey, then of sending, from 0 to 1.")

    def get_progress(self, backfill: Backfill) -> float:
        """Progress by bytes."""
        return _progress_of(backfill)


class BackfillReportOut(BackfillOut):
    """A back-fill with its questions and its report."""

    questions = QuestionOut(many=True)
    kinds = KindOut(many=True)
    first_at = serializers.DateTimeField(allow_null=True, help_text="First credible time in the station's own files.")
    last_at = serializers.DateTimeField(allow_null=True)
    others = OtherStationOut(many=True)
    files = serializers.IntegerField(help_text="Files, those in archives included.")
    files_by_state = serializers.DictField(child=serializers.IntegerField())
    files_changed = serializers.IntegerField(help_text="Changed between survey and sending; left.")
    lines_read = serializers.IntegerField()
    lines_taken = serializers.IntegerField()
    lines_known = serializers.IntegerField(help_text="In copies of other files.")
    lines_kept_back = serializers.IntegerField()
    lines_refused = serializers.IntegerField()
    bytes_read = serializers.IntegerField()
    bytes_taken = serializers.IntegerField()
    bytes_known = serializers.IntegerField()
    bytes_kept_back = serializers.IntegerField()
    bytes_refused = serializers.IntegerField()
    refusals = serializers.DictField(child=serializers.IntegerField(), help_text="Refused lines per reason word.")
    held = serializers.DictField(child=serializers.IntegerField(), help_text="Messages in quarantine, by reason.")
    gaps = serializers.IntegerField(
        help_text="Numbers that the ledger missed at the survey, in streams of these files."
    )
    gaps_closed = serializers.IntegerField()


class BackfillFileOut(serializers.Serializer[Any]):
    """A file that was read: a stored file, or one in a stored archive. Lines are counted by kind."""

    id = serializers.IntegerField()
    stored_file = serializers.IntegerField(source="revision_id", help_text="Id of the stored revision.")
    name = serializers.CharField()
    serial = serializers.CharField(help_text="In its name.")
    state = serializers.CharField()
    reason = serializers.CharField()
    refusals = serializers.DictField(child=serializers.IntegerField())
    size = serializers.IntegerField(source="octets")
    lines = serializers.DictField(child=serializers.IntegerField(), help_text=_LETTERS)
    here_before = serializers.DictField(child=serializers.IntegerField(), source="before")
    here_after = serializers.DictField(child=serializers.IntegerField(), source="after", allow_null=True)
    lines_known = serializers.IntegerField()
    lines_kept_back = serializers.IntegerField()
    lines_refused = serializers.IntegerField()


class BackfillFilesQuery(ListQuery):
    """Filters of the files."""

    told = serializers.BooleanField(default=False, help_text="Only files about which there is something to say.")


BackfillsOut = page_of("BackfillsOut", BackfillOut, "A page of back-fills.")
BackfillFilesOut = page_of("BackfillFilesOut", BackfillFileOut, "A page of files of a back-fill.")


def _progress_of(backfill: Backfill) -> float:
    """How far a back-fill has come in its current state, from 0 to 1."""
    is_over = backfill.state in {Backfill.State.DONE, Backfill.State.SURVEYED}
    return 1.0 if is_over else round(backfill.octets / backfill.octets_all, 3) if backfill.octets_all else 0.0


def report_shown(backfill: Backfill) -> dict[str, Any]:
    """A back-fill with its questions and its report, as `BackfillReportOut`."""
    report = backfill_report(backfill)
    totals, tally = report.totals, report.totals.tally
    asks = backfill.state == Backfill.State.SURVEYED
    return {
        **BackfillOut(backfill).data,
        "questions": QuestionOut(backfill_questions(backfill) if asks else [], many=True).data,
        "kinds": KindOut(report.kinds, many=True).data,
        "first_at": _moment(report.first_at),
        "last_at": _moment(report.last_at),
        "others": OtherStationOut(report.others, many=True).data,
        "files": totals.files,
        "files_by_state": totals.states,
        "files_changed": totals.changed,
        "lines_read": tally.lines_read,
        "bytes_read": tally.bytes_read,
        **tally._asdict(),
        "refusals": totals.refusals,
        "held": totals.held,
        "gaps": totals.missing,
        "gaps_closed": totals.closed,
    }


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")
