"""A station's uploads are bound to the order's networks, to its data folders, and to regular files."""

import os
import threading
from pathlib import Path

import msgspec
import pytest
from agent.test_fetching import institute, make_fleet, root, site, stored, write
from people import SERVER
from waiting import until

from fleet.holdings.policy import FetchRule, policy_set
from message_queue.contracts.commands.upload_files import UploadFiles
from station_agent.manifest import uploading
from station_agent.manifest.folders import file_path
from station_agent.uploads.regular import regular_open

__all__ = ["institute", "make_fleet", "root", "site"]

DIGEST = "0" * 64


def arrived(site) -> int:
    """Bytes of uploads on the site's disk."""
    return sum(part.stat().st_size for part in (site.logs.parent / "uploads").glob("??/*"))


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "a/./b", "a//b", "~usb/../x", "~usb//etc/passwd"])
def test_a_name_that_leads_out_is_refused_by_the_contract_and_by_the_station(tmp_path, path):
    asked = {"files": [{"path": path, "sha256": DIGEST}], "until": 1.0}
    with pytest.raises(msgspec.ValidationError, match="below the data folders"):
        msgspec.convert(asked, UploadFiles)
    with pytest.raises(OSError, match="leads out"):
        file_path({"": tmp_path, "~usb": tmp_path / "usb"}, path)


@pytest.mark.parametrize("path", [r"\x2e\x2e/x", r"a/\x2e\x2e/x", r"\x2fetc/passwd", r"a\x00b"])
def test_a_name_that_leads_out_only_once_it_is_decoded_is_refused_by_the_station(tmp_path, path):
    with pytest.raises(OSError, match="leads out"):
        file_path({"": tmp_path}, path)


def test_a_file_below_a_link_is_no_file_of_the_station(tmp_path):
    (tmp_path / "outside" / "deep").mkdir(parents=True)
    (tmp_path / "outside" / "deep" / "f").write_bytes(b"x")
    data = tmp_path / "data"
    data.mkdir()
    (data / "in").symlink_to(tmp_path / "outside")
    with pytest.raises(OSError, match="is a link"):
        file_path({"": data}, "in/deep/f")
    # The data folder itself may be a link.
    (tmp_path / "link").symlink_to(tmp_path / "outside")
    assert file_path({"": tmp_path / "link"}, "deep/f").read_bytes() == b"x"


def test_only_regular_files_are_opened_and_a_pipe_holds_up_nothing(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/null")):
        with pytest.raises(OSError, match="no regular file"):
            regular_open(path)
    (tmp_path / "file").write_bytes(b"x")
    with regular_open(tmp_path / "file") as opened:
        assert opened.read() == b"x"


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("services")
def test_a_pipe_or_folder_in_place_of_a_file_is_refused_and_the_others_come(make_fleet, root):
    for name in ("dir.bin", "good.bin", "pipe.bin"):
        write(root / name, name.encode())
    fleet = make_fleet(root.parent)
    fleet.say()
    policy_set(actor=SERVER, owner=fleet.station, rule=FetchRule(mode="all"))
    assert fleet.ask() == 3
    for name in ("dir.bin", "pipe.bin"):
        (root / name).unlink()
    (root / "dir.bin").mkdir()
    os.mkfifo(root / "pipe.bin")
    # In a thread, as a station does it: if it waited for the pipe, it would wait for ever.
    working = threading.Thread(target=fleet.upload, daemon=True)
    working.start()
    working.join(60)
    assert not working.is_alive()
    ends = {each.path: (each.end, each.reason) for each in fleet.files._orders.ended(10)}
    refused = ("refused", "The station cannot read it: it is no regular file.")
    assert ends["2026-05-01/dir.bin"] == ends["2026-05-01/pipe.bin"] == refused
    assert ends["2026-05-01/good.bin"][0] == "stored"


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("services")
def test_a_file_pauses_when_the_station_changes_to_another_network(make_fleet, root, site, monkeypatch):
    write(root / "large.bin", os.urandom(3_000_000))
    fleet = make_fleet(root.parent)
    fleet.say()
    policy_set(actor=SERVER, owner=fleet.station, rule=FetchRule(mode="all", networks=("wifi",)))
    assert fleet.ask() == 1
    monkeypatch.setattr(uploading, "LOOK_S", 0.0)
    worker, looks = fleet.files._worker, []

    def network():
        looks.append(1)
        if len(looks) < 20:
            return "wifi"
        # Bytes that the site has not read when the line ends are sent again.
        until(lambda: arrived(site) > 1_000_000, "the bytes that were sent")
        return "mobile"

    worker._network = network
    fleet.upload()
    assert worker.note == "Uploads wait for wifi; the station uses mobile."
    (order,) = fleet.files._orders.open_list()
    assert 0 < order.sent < 3_000_000
    assert fleet.files._orders.ended(10) == []
    # Back on its network, it goes on where it was.
    worker._network = lambda: "wifi"
    fleet.upload()
    (end,) = fleet.files._orders.ended(10)
    assert (end.end, len(stored(fleet.station))) == ("stored", 1)
    assert end.sent < 3_000_000 + 200_000
