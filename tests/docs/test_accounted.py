"""The page on accounting names only tests and code that exist."""

import re

import pytest
from docs.doc_pages import DOCS, ROOT

PAGE = (DOCS / "reference" / "accounted.md").read_text("utf-8")
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE)))
PLACES = sorted(set(re.findall(r"`((?:fleet|formats|message_queue|station_agent|workers)/[\w/]+\.py)`", PAGE)))


@pytest.mark.parametrize(("file", "function"), NAMED)
def test_a_named_test_exists(file, function):
    text = (ROOT / "tests" / file).read_text("utf-8")
    assert re.search(rf"^ *(?:async )?def {function}\(", text, re.MULTILINE), function


def test_every_row_but_those_kept_back_by_design_names_its_test():
    told, _, _ = PAGE.partition("## Kept back by design")
    rows = [line for line in told.splitlines() if line.startswith("| ") and not line.startswith("| source")]
    assert len(rows) > 100
    assert [row for row in rows if not re.search(r"`[\w/]+\.py::test_\w+` \|$", row)] == []


def test_every_place_exists():
    assert PLACES
    assert [place for place in PLACES if not (ROOT / place).is_file()] == []
