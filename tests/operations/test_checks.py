"""`./roost test` itself: it stops what it started, even when interrupted."""

import pytest

from operations.errors import WrongUse
from operations.leftovers import leftovers_find
from operations.stack import Stack
from operations.testing import checks
from operations.testing.pytest_account import NOTES_VARIABLE
from operations.testing.trial import QUICK_VARIABLE

#: Three checks; one of them fails.
PARTS = {"good": "true", "broken": "echo why; false", "fine": "true"}


def test_interrupting_the_first_checks_leaves_no_service_behind(services, tmp_path, monkeypatch):
    stack, started = Stack(tmp_path / "stack"), []

    def broken_off():
        raise KeyboardInterrupt

    def start():
        started.append(stack.start())
        return stack

    monkeypatch.setattr(checks.packages, "tools_ensure", lambda **_: None)
    monkeypatch.setattr(checks, "trial_start", start)
    monkeypatch.setattr(checks, "code_checks", broken_off)
    with pytest.raises(KeyboardInterrupt):
        checks.checks_run(long=False, quick=False, pytest_arguments=[])
    assert started
    assert leftovers_find(paths=stack.paths) == []


def test_a_quick_run_installs_and_starts_nothing(monkeypatch):
    given = []

    def never(*_, **__):
        raise AssertionError

    def tests_run(folder, environment, **_):
        given.append(environment)
        return 0

    monkeypatch.setattr(checks.packages, "tools_ensure", never)
    monkeypatch.setattr(checks, "trial_start", never)
    monkeypatch.setattr(checks, "tests_run", tests_run)
    monkeypatch.setattr(
        checks, "checks_all", lambda _: [checks.CheckResult("types", passed=True, output="", seconds=41.24)]
    )
    assert checks.checks_run(long=False, quick=True, pytest_arguments=[]) == 0
    assert given[0][QUICK_VARIABLE] == "1"
    assert given[0][NOTES_VARIABLE] == "   41.2s types"


def test_a_check_that_failed_fails_the_run_and_is_named_after_the_tests(monkeypatch, capsys):
    outcomes = [checks.check_run(name, ["sh", "-c", command], {}) for name, command in PARTS.items()]
    monkeypatch.setattr(checks, "checks_all", lambda _: outcomes)
    monkeypatch.setattr(checks, "tests_run", lambda *_, **__: print("5 passed") or 0)
    assert checks.checks_run(long=False, quick=True, pytest_arguments=[]) == 1
    assert capsys.readouterr().out.endswith("5 passed\n1 of 3 checks failed: broken.\n")


def test_a_missing_translation_is_counted_in_the_summary_and_fails_nothing():
    def note(said):
        return checks.notes_of([checks.CheckResult(checks.TRANSLATIONS, passed=True, output=said, seconds=1.0)])[
            NOTES_VARIABLE
        ]

    said = "de: not translated: Nests\n1 translation is missing, 0 are shown nowhere.\n"
    assert note(said).splitlines()[1:] == [
        "1 translation is missing, 0 are shown nowhere. See ./roost manage translations"
    ]
    assert note("0 translations are missing, 0 are shown nowhere.\n").splitlines()[1:] == []


@pytest.mark.parametrize("words", [["tests/nothing.py"], ["-q", "nothing/"], ["tests/wire", "nothing.py::test_one"]])
def test_a_file_that_does_not_exist_is_wrong_use_before_anything_starts(monkeypatch, words):
    monkeypatch.setattr(checks.packages, "tools_ensure", None)
    with pytest.raises(WrongUse, match=r"There is no nothing|There is no tests/nothing"):
        checks.checks_run(long=False, quick=False, pytest_arguments=words)


def test_values_of_options_are_no_files():
    checks.paths_check(
        ["tests/operations", "-k", "one/two.py", "--junitxml=x/y.xml", "tests/wire/test_codec.py::test_x"]
    )
