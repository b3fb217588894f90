"""The folder with files for Motus: names in it that belong to no station are reported to the administrators."""

from pathlib import Path

from django.conf import settings

from fleet.alerts.server_problems.troubles import trouble_judge
from fleet.core import clock
from fleet.sync.motus.source import FolderSource
from formats.paths import path_text

MOTUS_FOLDER = "the folder for Motus"
_NAMED_MOST = 5


def motus_folder_judge() -> None:
    """Report a folder that cannot be read, and names in it that are not the serial of a station."""
    trouble_judge(
        about=MOTUS_FOLDER,
        sentence=_sentence(),
        end="Everything in the folder for Motus is named for a station again.",
        moment=clock.now(),
    )


def _sentence() -> str:
    if not settings.ROOST_MOTUS_FOLDER:
        return ""
    folder = Path(settings.ROOST_MOTUS_FOLDER)
    try:
        names = FolderSource(folder).others()
    except OSError as error:
        return (
            f"The folder ROOST_MOTUS_FOLDER={folder} cannot be read: {error.strerror}. Nothing in it is sent to Motus."
        )
    if not names:
        return ""
    named = ", ".join(path_text(name) for name in names[:_NAMED_MOST])
    return (
        f"Roost ignores what is not named for a station in ROOST_MOTUS_FOLDER={folder}: {len(names)} ({named}"
        f"{' …' if len(names) > _NAMED_MOST else ''}). Name each folder by the serial of its station, in the same capitals."
    )
