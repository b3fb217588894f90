"""Imports that import-linter cannot see: strings that name a module or model above, and lookups of relations from
below.
"""

import ast
import re

import pytest

from operations.paths import REPOSITORY

#: Packages from the top down; those in one group may not reach each other.
FLOORS = (("operations",), ("web",), ("rest_api", "sg_status", "workers"), ("fleet",), ("formats",), ("message_queue",))
ROOMS = (
    ("lifecycle",),
    ("ingest",),
    ("alerts", "sync"),
    ("commands", "telemetry", "files"),
    ("deployments",),
    ("stations",),
    ("organizations",),
    ("core",),
)
#: Only the top floor may ask which models refer to a row.
RELATIONS = re.compile(r"_meta\.get_fields?\(|\brelated_model\b")
LOADERS = ("import_module", "__import__", "get_model", "import_string")


def is_above_or_beside(levels, mine, theirs):
    """Whether a floor may not reach another; names outside the list may always be reached."""
    depths = {name: depth for depth, level in enumerate(levels) for name in level}
    return mine != theirs and mine in depths and theirs in depths and depths[theirs] <= depths[mine]


def reached(tree):
    """Yield the name of each loader that is called, and its string split at the dots."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in LOADERS and isinstance(node.args[0].value, str):
                yield called, node.args[0].value.split(".")


def climbs(path, text):
    """Yield names that a file reaches above or beside its own floor or room."""
    floor, room, *_ = path.split("/")
    for called, words in reached(ast.parse(text)):
        names = ["fleet", *words] if called == "get_model" else words
        if is_above_or_beside(FLOORS, floor, names[0]):
            yield path, names[0]
        elif floor == names[0] == "fleet" and len(names) > 1 and is_above_or_beside(ROOMS, room, names[1]):
            yield path, names[1]


def test_no_string_reaches_a_floor_above():
    found = set()
    for package in (name for level in FLOORS for name in level):
        for file in (REPOSITORY / package).rglob("*.py"):
            path = str(file.relative_to(REPOSITORY))
            if "/migrations/" not in path:
                found |= set(climbs(path, file.read_text()))
    assert not found


def test_nothing_below_asks_which_models_hang_on_its_rows():
    found = [
        f"{path.relative_to(REPOSITORY)}:{number}"
        for path in sorted((REPOSITORY / "fleet").rglob("*.py"))
        if not {"migrations", "lifecycle"} & set(path.parts)
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if RELATIONS.search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("path", "text", "finds"),
    [
        ("fleet/core/clock.py", "importlib.import_module('rest_api.urls')", "rest_api"),
        ("fleet/core/clock.py", "import_module('fleet.stations.models')", "stations"),
        ("fleet/telemetry/rows.py", "apps.get_model('commands', 'Command')", "commands"),
        ("message_queue/codec.py", "__import__('fleet.core')", "fleet"),
        ("formats/sensorgnome/reader.py", "import_module('fleet.files.storage')", "fleet"),
        ("rest_api/urls.py", "import_string('sg_status.urls.page_patterns')", "sg_status"),
        ("fleet/ingest/batch.py", "apps.get_model('telemetry', 'Reading')", None),
        ("operations/running/health.py", "importlib.import_module('workers.health')", None),
        ("fleet/core/clock.py", "import_module('zoneinfo')", None),
    ],
)
def test_the_search_finds_every_way_of_reaching_up(path, text, finds):
    assert [target for _, target in climbs(path, text)] == ([finds] if finds else [])
