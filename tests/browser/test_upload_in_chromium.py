"""A card is dropped into a station's page: with a line that is cut, a reload, files that change, and the real card."""

import base64
import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from agent.bad_link import BadLink
from browser.every_page import Visitor, visiting
from django.core.files.storage import default_storage
from files.tus_asking import Tus
from people import key_of, station_of
from playwright.sync_api import expect
from site_processes import running
from waiting import until

from fleet.files.models import FileRevision, StoredContent, Upload
from fleet.files.store.contents import content_name
from fleet.files.store.parts import part_size

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("no_counters")]

CARD = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "sg-v2-rpi4-2021"
LARGE = 20_000_000


@pytest.fixture
def link(transactional_db, collected, settings, tmp_path) -> Iterator[BadLink]:
    """The link to a site that has its own folder for files."""
    settings.MEDIA_ROOT = tmp_path / "files"
    with running(collected, "site", ROOST_FILES_ROOT=str(settings.MEDIA_ROOT)) as made:
        link = BadLink(made.site_port)
        yield link
        link.stop()


@pytest.fixture
def station(institute):
    return station_of(institute, name="Old Cut")


@pytest.fixture
def card(tmp_path) -> Path:
    """A card as somebody's computer shows it, with a system file and a name that cannot be printed."""
    root = tmp_path / "card"
    files = {
        "2026-05-01/a.txt.gz": os.urandom(70_000),
        "2026-05-01/known.txt": b"known",
        "2026-05-02/Größe ✓ 1.csv": b"a,b\n1,2\n",
        "2026-05-02/deep/er/empty.txt": b"",
        "2026-05-02/large.bin": os.urandom(LARGE),
        "2026-05-02/odd\x07name.txt": b"odd",
        ".DS_Store": b"x",
    }
    # A browser lists a folder a hundred entries at a time.
    files |= {f"many/{n:03}.txt": f"{n}".encode() for n in range(130)}
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


class Dropping(Visitor):
    """A window on the page of stored files."""

    def drop(self, *paths: Path) -> None:
        """Drop files or folders from outside, as a file manager does."""
        self.page.locator("#drop").scroll_into_view_if_needed()
        box = self.page.locator("#drop").bounding_box()
        session = self.page.context.new_cdp_session(self.page)
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            session.send(
                "Input.dispatchDragEvent", {"type": kind, "x": box["x"] + 20, "y": box["y"] + 10, "data": data}
            )

    def total(self) -> str:
        return self.page.locator("[data-upload=total]").inner_text()

    def says(self, words: str | re.Pattern[str]) -> None:
        expect(self.page.locator("[data-upload=now]")).to_have_text(words)

    def row(self, name: str) -> str:
        return self.page.locator("[data-upload=rows] tr", has_text=name).inner_text()


@pytest.fixture
def window(browser, link, operator, station) -> Iterator[Dropping]:
    class Site:
        site = f"http://127.0.0.1:{link.port}"

    with visiting(browser, Site, operator.user) as visitor:
        visitor.__class__ = Dropping
        visitor.page.on("dialog", lambda dialog: dialog.accept())
        visitor.visit(f"/stations/{station.serial}/files/stored/")
        yield visitor


def stored_of(station) -> dict[str, str]:
    """SHA-256 of each stored file by path, checked by hashing the bytes in the storage again."""
    found = {}
    for one in FileRevision.objects.filter(file__station=station).select_related("file", "content"):
        with default_storage.open(content_name(one.content.sha256), "rb") as opened:
            assert hashlib.file_digest(opened, "sha256").hexdigest() == one.content.sha256
        found[one.file.path] = one.content.sha256
    return found


def hashes_of(root: Path) -> dict[str, str]:
    files = [path for path in root.rglob("*") if path.is_file()]
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def part_way(least: int) -> Upload:
    """Wait until more than this many bytes of the large file are here; return its upload."""

    def here() -> bool:
        return any(part_size(one.id) > least for one in Upload.objects.filter(octets__gte=LARGE, state="open"))

    until(here, "a part of the large file", every=0.005)
    return Upload.objects.get(octets__gte=LARGE, state="open")


def test_a_folder_comes_home_although_the_line_is_cut_and_every_file_has_its_fate(
    link, window, station, institute, card
):
    Tus(f"Bearer {key_of(institute, write=True)}").upload(b"known", "2026-05-01/known.txt", station=station.serial)
    link.slow_s = 0.004
    window.drop(card)
    for least in (1_000_000, 5_000_000, 12_000_000):
        part_way(least)
        link.closed = True
        link.cut()
        window.says(re.compile("^No connection"))
        link.closed = False
    link.slow_s = 0.0
    window.says("Finished.")
    wanted = hashes_of(card)
    assert window.total().endswith("Stored 134, known 1, kept back 1, refused 1."), window.total()
    assert window.total().startswith(f"Files: {len(wanted)} of {len(wanted)}")
    for name, fate in ((".DS_Store", "kept back"), ("name.txt", "printable"), ("2026-05-01/known.txt", "known")):
        assert fate in window.row(name)
    del wanted[".DS_Store"], wanted["2026-05-02/odd\x07name.txt"]
    assert stored_of(station) == wanted
    # Bytes that arrived before a cut were not sent again.
    assert link.sent < 1.3 * LARGE
    # The browser reports the requests that were cut, and nothing else.
    assert [one for one in window.said if "ERR_" not in one and "400" not in one] == []
    window.page.get_by_role("link", name="Show what is stored").click()
    expect(window.page.get_by_role("rowheader", name="many/129.txt")).to_be_visible()


def test_after_a_reload_the_same_file_goes_on_where_it_was(link, window, station, card):
    link.slow_s = 0.004
    window.drop(card / "2026-05-02")
    begun = part_way(4_000_000)
    window.page.reload()
    window.drop(card / "2026-05-02")
    link.slow_s = 0.0
    window.says("Finished.")
    assert Upload.objects.get(octets__gte=LARGE).pk == begun.pk
    assert stored_of(station)["2026-05-02/large.bin"] == hashes_of(card)["2026-05-02/large.bin"]
    assert link.sent < 1.2 * LARGE


def test_a_file_that_changes_before_it_goes_on_is_refused_and_never_spliced(link, window, station, card):
    large = card / "2026-05-02" / "large.bin"
    link.slow_s = 0.004
    window.drop(large)
    part_way(4_000_000)
    link.closed = True
    link.cut()
    window.says(re.compile("^No connection"))
    with large.open("r+b") as opened:
        opened.seek(LARGE // 2)
        opened.write(b"changed")
    link.closed, link.slow_s = False, 0.0
    window.says("Finished.")
    assert "refused" in window.row("large.bin")
    assert "It changed while it was being sent" in window.row("large.bin")
    assert stored_of(station) == {}
    # Chosen again, the file is a new content, sent from its first byte.
    window.page.reload()
    window.page.locator("#choose-files").set_input_files(large)
    window.says("Finished.")
    assert stored_of(station) == {"large.bin": hashlib.sha256(large.read_bytes()).hexdigest()}
    assert StoredContent.objects.count() == 1


def test_an_answer_that_the_script_cannot_read_costs_its_own_file_alone(window, station, tmp_path):
    folder = tmp_path / "some"
    folder.mkdir()
    for number in range(9):
        (folder / f"{number}.txt").write_bytes(f"{number}".encode())
    odd = base64.b64encode(b"0.txt").decode()

    def answer(route):
        if odd in route.request.headers.get("upload-metadata", ""):
            told = {"Content-Type": "application/json", "Location": "/nowhere", "Upload-Offset": "0"}
            route.fulfill(status=201, headers=told, body="null")
        else:
            route.continue_()

    window.page.route("**/api/v1/uploads", answer)
    window.page.locator("#choose-folder").set_input_files(folder)
    window.says("Finished.")
    assert window.total().endswith("Stored 8, known 0, kept back 0, refused 1."), window.total()
    assert "The script that sends files failed" in window.row("0.txt")
    assert set(stored_of(station)) == {f"{number}.txt" for number in range(1, 9)}


def test_stopping_keeps_back_what_is_not_there_and_a_refused_login_ends_all(link, window, station, card, operator):
    link.slow_s = 0.004
    window.page.locator("#choose-folder").set_input_files(card)
    part_way(1_000_000)
    window.page.get_by_role("button", name="Stop").click()
    window.says("Finished.")
    counts = list(map(int, re.findall(r"(\d+)(?=,|\.$| of)", window.total())))
    assert sum(counts[-4:]) == 137, window.total()
    assert "You stopped" in window.row("large.bin")
    window.page.reload()
    window.page.context.clear_cookies()
    window.page.locator("#choose-files").set_input_files([card / "many" / f"{n:03}.txt" for n in range(90, 130)])
    window.says("Finished.")
    assert window.total().endswith("refused 40."), window.total()
    assert "Not tried" in window.row("129.txt")


def test_the_browser_s_sha_256_is_the_usual_one(window):
    window.page.add_script_tag(url="/static/sha256.js")
    for size in (0, 1, 55, 56, 63, 64, 65, 119, 128, 4_000_001):
        for step in (7, 64, 1_000_000):
            found = window.page.evaluate(
                """([size, step]) => {
                    const bytes = new Uint8Array(size).map((_zero, n) => n * 7 + (n >> 8)), digest = new Sha256();
                    for (let at = 0; at < size; at += step) digest.update(bytes.subarray(at, at + step));
                    return [...digest.digest()];
                }""",
                [size, max(step, size // 1_000)],
            )
            bytes_same = bytes((n * 7 + (n >> 8)) & 255 for n in range(size))
            assert bytes(found) == hashlib.sha256(bytes_same).digest(), (size, step)


@pytest.mark.skipif(not CARD.is_dir(), reason="the real card is not here")
def test_the_real_card(link, window, station):
    wanted = hashes_of(CARD)
    for fate in ("Stored {n}, known 0", "Stored 0, known {n}"):
        window.drop(CARD)
        window.says("Finished.")
        assert window.total().endswith(f"{fate.format(n=len(wanted))}, kept back 0, refused 0."), window.total()
        assert stored_of(station) == wanted
        window.page.reload()
