"""Every case of the catalogue is in the report: run here, shown by a test elsewhere, or listed as not shown."""

import re
from pathlib import Path

from faults.catalogue import NOT_SHOWN, SHOWN_BY

from operations.paths import REPOSITORY

#: Broker and network; workers, database and outside services; agent and time; commands; hostile messages; abuse; a
#: station's files, desks, and what one sender costs the others.
NUMBERS = {str(number) for number in (*range(1, 67), 68, 69, 70, *range(85, 99), *range(104, 110))}
PLAYED = re.compile(r'(?:number=|jobs\(\s*|": |costly\("[^"]*", |told\(verdicts, "[^"]*", )"(\d+)(?:-(\d+))?"')


def played():
    text = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    return {str(n) for first, last in PLAYED.findall(text) for n in range(int(first), int(last or first) + 1)}


def test_no_number_is_forgotten():
    assert not NUMBERS - played() - SHOWN_BY.keys() - NOT_SHOWN.keys()


def test_every_test_that_the_catalogue_names_exists():
    for _, tests in SHOWN_BY.values():
        for name in tests:
            path, _, function = name.partition("::")
            assert f"def {function}(" in (REPOSITORY / path).read_text(), name
