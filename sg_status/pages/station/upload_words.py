"""The upload script's texts, in the reader's language."""

from typing import Any

from django.utils.translation import gettext as _

from fleet.files.store.whole import Fate
from formats.sensorgnome.names import NO_DATA


def fate_words() -> dict[Fate, str]:
    """The outcome of a file, in words for people."""
    return {
        Fate.STORED: _("stored"),
        Fate.KNOWN: _("known"),
        Fate.KEPT_BACK: _("kept back"),
        Fate.WAITING: _("waiting for the store"),
        Fate.REFUSED: _("refused"),
    }


def upload_words() -> dict[str, Any]:
    """Texts for `web/static/upload.js`, which fills in the braces; `worker` has those for `send.js`."""
    changed = _("It changed while it was being sent: choose it again once nothing writes to it.")
    broken = _("The script that sends files failed: reload the page and choose the files again.")
    return {
        "fates": {fate.value: words for fate, words in fate_words().items()},
        "doing": {"hash": _("being read"), "send": _("being sent")},
        "total": _(
            "Files: {over} of {all}, {sent} of {octets}. Stored {stored}, known {known}, kept back {kept}, "
            "refused {refused}."
        ),
        "running": _("Keep this page open until it is finished."),
        "finished": _("Finished."),
        "away": _("No connection: it goes on by itself as soon as there is one. What has arrived is kept."),
        "nothing": _("There are no files in it."),
        "unread": _("The browser cannot read it, or it was changed or removed since you chose it."),
        "stopped": _(
            "You stopped before all of it had arrived. Choose it again to continue: what has arrived is kept."
        ),
        "untried": _("Not tried, because others were refused. {reason}"),
        "broken": broken,
        "hidden": _("{n} more are counted, but not listed."),
        "noData": [(pattern.pattern.replace(r"\Z", "$"), reason) for pattern, reason in NO_DATA],
        "worker": {
            "unread": _("The browser cannot read it, or it was changed or removed since you chose it."),
            "changed": changed,
            "broken": broken,
            "status": _("The server answered with status {status}."),
        },
    }
