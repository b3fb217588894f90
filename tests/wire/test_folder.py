"""Folders as registries: a missing or duplicate entry ends the start with a sentence."""

import sys

import pytest

from message_queue.folder import folder_read


@pytest.fixture
def folder(tmp_path, monkeypatch):
    package = tmp_path / "plugs"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "base.py").write_text("THING = None")
    monkeypatch.syspath_prepend(tmp_path)
    yield package
    for name in [name for name in sys.modules if name.split(".")[0] == "plugs"]:
        del sys.modules[name]


def read():
    return folder_read("plugs", "THING", str, str.lower)


def test_each_file_is_one_thing_in_the_order_of_names(folder):
    (folder / "b.py").write_text("THING = 'Beta'")
    (folder / "a.py").write_text("THING = 'Alpha'")
    assert read() == {"alpha": "Alpha", "beta": "Beta"}


def test_two_of_one_name_are_an_error(folder):
    for file in ("a.py", "b.py"):
        (folder / file).write_text("THING = 'Same'")
    with pytest.raises(RuntimeError, match=r"Two files in plugs define 'same'"):
        read()


@pytest.mark.parametrize("content", ["", "THING = 3"])
def test_a_file_without_its_thing_is_an_error(folder, content):
    (folder / "a.py").write_text(content)
    with pytest.raises(RuntimeError, match=r"plugs\.a does not define THING as a str"):
        read()
