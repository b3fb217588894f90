"""Tables of Roost's own commands: they fit a terminal, and a pipe gets every letter."""

import io

import pytest

from fleet.core.command_line import WordCommand, widths_fit


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Listing(WordCommand):
    def words(self, add):
        pass


ROWS = [["silent", "SG-7F5ERPI46977", "A pier with a long name that somebody typed on a wet day"], ["late", "SG-1", ""]]


def table(out):
    Listing(stdout=out).table_print(["STATE", "SERIAL", "NAME"], ROWS)
    return out.getvalue().splitlines()


def test_a_table_fits_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    lines = table(Terminal())
    assert max(map(len, lines)) <= 40
    assert lines[1] == "silent  SG-7F5ERPI46977  A pier with a …"


def test_a_pipe_gets_all_of_it(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    assert table(io.StringIO())[1].endswith("that somebody typed on a wet day")


@pytest.mark.parametrize(
    ("widths", "room", "fitting"), [([5, 5], 80, [5, 5]), ([30, 10], 32, [20, 10]), ([30, 30], 10, [8, 8])]
)
def test_the_widest_columns_give_first(widths, room, fitting):
    assert widths_fit(widths, room) == fitting
