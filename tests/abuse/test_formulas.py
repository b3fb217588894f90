"""Case 76: no spreadsheet reads a cell as a formula, whoever wrote the name; numbers stay numbers."""

import csv
import io

import pytest
from django.test import Client
from isolation.access_table import TABLE, listed
from isolation.matrix import place_of
from isolation.matrix_world import world

from fleet.core.csv_file import cell_guarded
from fleet.deployments.models import Site
from fleet.organizations.models import Organization
from fleet.stations.models import Station

__all__ = ["world"]

pytestmark = pytest.mark.django_db

FORMULAS = [
    "=cmd|'/c calc'!A1",
    "+1+1",
    "-2+3+cmd|'/c calc'!A1",
    "@SUM(1,1)",
    "\t=1+1",
    "\r=1+1",
    " =1+1",
    "\u00a0=1+1",
    "\ufeff=1+1",
    "\uff1d1+1",
    "\n=1+1",
    "a\n=1+1",
    '";=1+1',
    '"=1+1',
]
BEGINNINGS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_begins_like_a_formula(text):
    shown = cell_guarded(text)
    assert isinstance(shown, str)
    assert shown.lstrip(" \u00a0\ufeff")[:1] not in BEGINNINGS or shown.startswith("'")


@pytest.mark.parametrize("figure", [-12.5, -3, 0, 7, None])
def test_figures_stay_figures(figure):
    assert cell_guarded(figure) is figure


@pytest.mark.parametrize("text", ["Old Cut", "a=b", "1-2", "SG-1234", "e-mail", "'quoted'"])
def test_plain_words_stay_as_they_are(text):
    assert cell_guarded(text) == text


FILES = [each for each in listed() if "csv" in each.name and "GET" in TABLE[each.name].methods]


@pytest.mark.parametrize("address", FILES, ids=lambda each: each.name)
@pytest.mark.parametrize("text", FORMULAS)
def test_no_file_has_a_cell_that_begins_like_a_formula(world, address, text):
    Station.objects.filter(pk=world.own.stations[0].pk).update(name=text, notes=text)
    Site.objects.filter(organization=world.own.organization).update(name=text)
    Organization.objects.filter(pk=world.own.organization.pk).update(name=text)
    client = Client()
    client.force_login(world.own.people["owner"])
    answer = client.get(place_of(address, TABLE[address.name], world.own.values))
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/csv")
    assert "attachment" in answer["Content-Disposition"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    rows = list(csv.reader(io.StringIO(content.decode())))
    assert len({len(row) for row in rows}) == 1
    for cell in (cell for row in rows for cell in row):
        assert is_figure(cell) or cell.lstrip(" \u00a0\ufeff")[:1] not in BEGINNINGS, repr(cell)


def is_figure(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return not cell
    return True


def test_there_are_files_to_look_at():
    assert FILES
