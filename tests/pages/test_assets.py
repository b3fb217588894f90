"""The assets: named files from locked packages, and catalogues that are compiled without gettext."""

import json
from pathlib import Path

import polib
import pytest

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
    assert {"pico.min.css", "pico.LICENSE.md", "uplot.min.js", "uplot.min.css", "uplot.LICENSE"} <= names
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


@pytest.mark.parametrize("name", ["live.js", "chart.js", "roost.css"])
def test_our_own_scripts_and_sheet_load_nothing_from_elsewhere(name):
    # SVG's namespace looks like a URL, but nothing is loaded from it.
    content = (ROOT / "web" / "static" / name).read_text().replace("http://www.w3.org/2000/svg", "")
    assert "://" not in content
    assert "eval(" not in content
