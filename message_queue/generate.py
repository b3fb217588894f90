"""Writes the files generated from the wire contracts, or checks that they are up to date.

`python -m message_queue.generate` writes; with `--check` it compares and exits with 1 if a file is out of date.
"""

import json
import sys
from pathlib import Path

from message_queue.asyncapi import document
from message_queue.events.page import events_page
from message_queue.messages_page import messages_page
from message_queue.topology import definitions

ROOT = Path(__file__).resolve().parent.parent


def generated() -> dict[Path, str]:
    """Path and content of every generated file."""
    return {
        ROOT / "broker" / "definitions.json": _pretty(definitions({})),
        ROOT / "docs" / "reference" / "asyncapi.json": _pretty(document()),
        ROOT / "docs" / "reference" / "messages.md": messages_page(),
        ROOT / "docs" / "reference" / "events.md": events_page(),
    }


def _pretty(value: object) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write or check the files; return the exit code."""
    stale = [path for path, text in generated().items() if not path.exists() or path.read_text("utf-8") != text]
    if arguments == ["--check"]:
        for path in stale:
            sys.stderr.write(f"{path.relative_to(ROOT)} is out of date: run python -m message_queue.generate.\n")
        return 1 if stale else 0
    if arguments:
        sys.stderr.write("Usage: python -m message_queue.generate [--check]\n")
        return 2
    for path, text in generated().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
