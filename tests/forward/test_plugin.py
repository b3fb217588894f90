"""A kind of forwarder from another package: it is found by its entry point, and works like the built-in ones."""

import sys

import pytest
from forward.conftest import counts, run

from fleet.forward import kinds as folder
from fleet.forward.kinds import ENTRY_POINTS, kinds

PACKAGE = '''"""A sample package: keeps what it is given."""

from fleet.forward.kinds.base import ForwarderKind, Receipt, Setting

GIVEN = []


def send(rows, target):
    GIVEN.extend((row.series, row.value, target.settings["place"]) for row in rows)
    return Receipt()


KIND = ForwarderKind(
    name="{name}",
    label="Sample",
    settings=(Setting("place", "Place"),),
    send=send,
    check=lambda settings: None,
    shown=lambda settings: settings["place"],
    repeats="It keeps repeats.",
)
'''


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a package on the path as pip would: a module, and its metadata with an entry point."""

    def put(name: str) -> None:
        (tmp_path / "roost_sample.py").write_text(PACKAGE.format(name=name))
        about = tmp_path / "roost_sample-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: roost-sample\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(f"[{ENTRY_POINTS}]\nsample = roost_sample:KIND\n")
        monkeypatch.syspath_prepend(tmp_path)
        folder.kinds.cache_clear()

    yield put
    folder.kinds.cache_clear()
    sys.modules.pop("roost_sample", None)


@pytest.mark.django_db(transaction=True)
def test_a_package_adds_a_kind(install, add, arrive):
    install("sample")
    assert {"sample", "webhook"} <= set(kinds())
    forwarder = add("sample", place="attic")
    arrive(1.0, 2.0)
    run(forwarder)
    assert sys.modules["roost_sample"].GIVEN == [("temp", 1.0, "attic"), ("temp", 2.0, "attic")]
    assert counts(forwarder) == (2, 0, 0, 0)


def test_two_of_one_name_are_an_error(install):
    install("webhook")
    with pytest.raises(RuntimeError, match="'webhook'"):
        kinds()


@pytest.mark.django_db(transaction=True)
def test_a_kind_whose_package_is_gone_fails_with_a_word_and_loses_nothing(install, add, arrive, monkeypatch):
    install("sample")
    forwarder = add("sample", place="attic")
    arrive(1.0)
    with monkeypatch.context() as gone:
        gone.setattr("fleet.forward.lanes.kinds", dict)
        run(forwarder)
    assert "no forwarder of the kind sample" in forwarder.answer
    assert forwarder.rows == 0
    assert run(forwarder).rows_sent == 1
