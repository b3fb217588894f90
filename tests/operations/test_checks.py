"""`./roost test` itself: it stops what it started, even when interrupted."""

import pytest

from operations import checks
from operations.leftovers import leftovers_find
from operations.stack import Stack


def test_who_breaks_off_during_the_first_checks_leaves_no_service_behind(tmp_path, monkeypatch):
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
        checks.checks_run(long=False, pytest_arguments=[])
    assert started
    assert leftovers_find(paths=stack.paths) == []
