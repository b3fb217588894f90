"""Whole lists, one made up and a real one if the machine has it: every row is stored, every serial gets its right row."""

import json
import os
from collections import defaultdict
from datetime import datetime
from pathlib import Path

import pytest

from fleet.sync.models import ExternalLink, ExternalRecord
from fleet.sync.selectors import links_of
from fleet.sync.services import sync_run
from operations.simulators.motus_rows import rows_make

pytestmark = pytest.mark.django_db

FOLDER = Path(os.environ.get("ROOST_SHARED_DATA", str(Path(__file__).parents[3] / "shared" / "data")))


def lists():
    yield pytest.param(rows_make(count=900, seed=3), id="made-up")
    for file in sorted(FOLDER.glob("motus-receivers-*.json")):
        yield pytest.param(json.loads(file.read_text(encoding="utf-8"))["data"], id=file.stem)


def by_serial(rows):
    found = defaultdict(list)
    for row in rows:
        if row["receiverID"] and row["receiverID"].strip():
            found[row["receiverID"].strip().upper()].append(row)
    return found


def right_row(rows):
    """An independent version of the rule: only active rows if there are any, and of those the newest start."""
    active = [row for row in rows if row["deploymentStatus"] == "active"] or rows

    def start(row):
        return (
            datetime.fromisoformat(row["dtStart"].replace(" ", "T", 1).replace(" ", "")).timestamp()
            if row["dtStart"]
            else 0
        )

    newest = max(start(row) for row in active)
    return max((row for row in active if start(row) == newest), key=lambda row: row["motusRecvID"])


@pytest.mark.parametrize("rows", list(lists()))
def test_a_whole_list_is_taken_and_linked_by_the_rule(motus, make_station, rows):
    motus.rows_set(rows)
    serials = by_serial(rows)
    several = [serial for serial, found in serials.items() if len(found) > 1]
    stations = {serial: make_station(serial.lower()) for serial in serials}
    run = sync_run(system="motus", started_by="owner")
    assert (run.state, run.records) == ("succeeded", len(rows))
    assert ExternalRecord.objects.count() == len(rows)
    assert len(several) > 50
    links = {link.station_id: link.record.data for link in ExternalLink.objects.select_related("record")}
    assert {serial: links[stations[serial].pk] for serial in serials} == {
        serial: right_row(found) for serial, found in serials.items()
    }
    for serial in several:
        assert len(links_of(station=stations[serial])[0].others) == len(serials[serial]) - 1
    assert sync_run(system="motus", started_by="owner").changes == 0
