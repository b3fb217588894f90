"""Whether the installed broker can read data written by another release series."""

from __future__ import annotations

import re
from pathlib import Path

#: A file beside the data in which RabbitMQ lists its enabled features.
FLAGS = "feature_flags"
#: Enabled by 3.13 and later; 4.x does not start on data without it, and older series do not start on data with it.
_SINCE_3_13 = "message_containers"
_SERVER = re.compile(r"rabbitmq_server-(\d+)\.(\d+)")
HOW_TO = "docs/how-to/move-to-debian-13.md"


def broker_data_trouble(*, data: Path, server: Path | None) -> str | None:
    """Why the installed broker would not start on this data, as a sentence; None if it would, or if that is unknown."""
    installed = _SERVER.search(str(server.resolve())) if server else None
    flags = data / FLAGS
    if installed is None or not flags.exists():
        return None
    series = int(installed[1]), int(installed[2])
    is_newer = re.search(rf"\b{_SINCE_3_13}\b", flags.read_text()) is not None
    if series >= (4, 0) and not is_newer:
        return (
            f"The broker's data in {data} were written by RabbitMQ 3.12 or older, and RabbitMQ {series[0]}.{series[1]} does not "
            f"start on them: nothing was changed; {HOW_TO} explains how to drain the old broker and start a new one."
        )
    if series < (3, 13) and is_newer:
        return (
            f"The broker's data in {data} were written by a newer RabbitMQ than the {series[0]}.{series[1]} that is installed, "
            f"which does not start on them: nothing was changed; install the newer one again, or see {HOW_TO}."
        )
    return None
