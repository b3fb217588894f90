"""A station's own files in words: their states, and sentences on what has not arrived."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from fleet.core.spoken import count_words
from fleet.files.models import StationFile
from fleet.ingest.memory.files import FILES_MOST
from fleet.telemetry.models import FileSummary
from sg_status.words import bytes_words


def state_words() -> dict[str, str]:
    """The states, most wanted first."""
    return {
        "refused": pgettext("file", "refused"),
        "foreign": pgettext("file", "of another station"),
        "gone": pgettext("file", "gone"),
        "open": pgettext("file", "open"),
        "done": pgettext("file", "read completely"),
        "": pgettext("file", "no report"),
    }


def file_state(file: StationFile) -> str:
    """A file's state in words."""
    return state_words()[file.state]


def figure_headings() -> list[str]:
    """Column headings for the figures of a file."""
    return [
        pgettext("of a file", "Read"),
        _("Not read yet"),
        pgettext("of a file", "Accepted"),
        _("Already known"),
        _("Held back"),
        pgettext("of a file", "Refused"),
    ]


def file_figures(file: StationFile) -> list[tuple[str, int | None, int]]:
    """Heading, bytes and lines of each figure; no bytes if the station has not reported the file."""
    told: list[tuple[int, int]] = [
        (file.bytes_read, file.lines_read),
        (file.bytes_unread, 0),
        (file.bytes_taken, file.lines_taken),
        (file.bytes_known, file.lines_known),
        (file.bytes_kept_back, file.lines_kept_back),
        (file.bytes_refused, file.lines_refused),
    ]
    is_said = file.said_at is not None
    return [
        (heading, octets if is_said else None, lines)
        for heading, (octets, lines) in zip(figure_headings(), told, strict=True)
    ]


def file_sentences(summary: FileSummary | None) -> list[str]:
    """Sentences on files not yet here, or that all are; none if the station has not reported files."""
    if summary is None:
        return []
    told = []
    if summary.bytes_unread:
        size = bytes_words(summary.bytes_unread)
        told.append(_("%(size)s of its files are on the station and not read yet.") % {"size": size})
    if summary.bytes_refused:
        told.append(_("%(size)s of its files could not be read.") % {"size": bytes_words(summary.bytes_refused)})
    if summary.files and not told:
        words = ngettext("Its only file is read.", "All of its %(n)s files are read.", summary.files)
        told.append(words % {"n": count_words(summary.files)})
    if summary.files_foreign:
        words = ngettext(
            "One file on it carries another station's name and was left alone.",
            "%(n)s files on it carry another station's name and were left alone.",
            summary.files_foreign,
        )
        told.append(words % {"n": count_words(summary.files_foreign)})
    if summary.overfull_at is not None:
        told.append(
            _(
                "It named more files than the %(most)s that are listed. Rows of the others are stored without "
                "their file name."
            )
            % {"most": count_words(FILES_MOST)}
        )
    if summary.accounts_left_out:
        words = ngettext(
            "One report on such a file was not recorded: no sum on this page includes it.",
            "%(n)s reports on such files were not recorded: no sum on this page includes them.",
            summary.accounts_left_out,
        )
        told.append(words % {"n": count_words(summary.accounts_left_out)})
    return told
