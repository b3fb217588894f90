"""Nothing below looks a table above up by a name in a string, where no tool sees the arrow."""

import re

from operations.paths import REPOSITORY

#: The landing above the domain's floors may walk what hangs on a station.
ABOVE = REPOSITORY / "fleet" / "lifecycle"
HIDDEN = re.compile(r"\bget_model\(|_meta\.get_fields?\(|\brelated_model\b|import_module\(")


def test_no_model_is_looked_up_by_its_name():
    found = [
        f"{path.relative_to(REPOSITORY)}:{number}"
        for folder in ("fleet", "message_queue")
        for path in sorted((REPOSITORY / folder).rglob("*.py"))
        if "migrations" not in path.parts and ABOVE not in path.parents and path.name != "folder.py"
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if HIDDEN.search(line)
    ]
    assert found == []
