"""The server's certificate expires, then another authority signs it: stations refuse it, keep their data, and say why."""

import time

import pytest
from faults.fleet_of_links import Linked, Links, judge_links
from faults.oracle import Verdict
from waiting import until

from operations import certificates

pytestmark = pytest.mark.faults

FILES = ("server.pem", "server.key")
NOT_TRUSTED = "a certificate that is not trusted"
OUT_OF_DATE = "is out of date"


@pytest.fixture
def show(rig):
    """Give the broker a certificate, which it loads without a restart; restore the old one at the end."""
    tls = rig.stack.paths.tls
    kept = {name: (tls / name).read_bytes() for name in FILES}

    def put(contents):
        for name, content in contents.items():
            certificates.file_replace(tls / name, content, mode=0o600)
        rig.control("eval", "ssl:clear_pem_cache().")

    yield lambda folder: put({name: (folder / name).read_bytes() for name in FILES})
    put(kept)


@pytest.fixture
def ended(rig, tmp_path, monkeypatch):
    """A certificate from the right authority that expired twelve hours ago."""
    folder = tmp_path / "ended"
    folder.mkdir()
    for name in ("ca.pem", "ca.key"):
        (folder / name).write_bytes((rig.stack.paths.tls / name).read_bytes())
    with monkeypatch.context() as patch:
        patch.setattr(certificates, "SERVER_DAYS", -0.5)
        certificates.certificates_ensure(folder=folder, hosts=())
    return folder


@pytest.fixture
def foreign(tmp_path):
    """A good certificate from another authority."""
    certificates.certificates_ensure(folder=tmp_path / "foreign", hosts=())
    return tmp_path / "foreign"


def test_a_station_refuses_a_server_it_cannot_trust_and_a_second_authority_lets_it_in(
    rig, verdicts, show, ended, foreign
):
    rig.worker_ensure()
    verdict, begun = Verdict(case="certificate ended, authority changed", number="18", seed=rig.seed), time.monotonic()
    one, two = rig.stations("SG-CE18RPI40001", "SG-CE18RPI40002")
    knows_one = Linked(one, rig.seed)
    knows_both = Linked(two, rig.seed, ca_pem=two["ca_pem"] + (foreign / "ca.pem").read_text())
    stations = (knows_one, knows_both)
    show(ended)
    for station in stations:
        station.put(10)
    with Links(*stations):
        until(lambda: all(OUT_OF_DATE in s.view.reason for s in stations), "the agents' word on the certificate")
        assert all("expired" in station.view.reason for station in stations)
        show(foreign)
        changed = time.monotonic()
        until(lambda: knows_both.is_done, "confirms under the second authority")
        verdict.recovered_s = time.monotonic() - changed
        until(lambda: "expired" not in knows_one.view.reason, "the other agent's word on the authority")
        assert NOT_TRUSTED in knows_one.view.reason
        # Nothing was sent over another connection, without TLS or without a check of the certificate.
        assert (knows_one.feed.confirmed_count, knows_one.feed.waiting) == (0, 10)
        judge_links(rig, stations, verdict)
    verdict.seconds = time.monotonic() - begun
    verdict.note = (
        "Two stations refuse a server whose certificate has expired. When another authority signs it, the station that "
        "trusts both authorities reconnects; the other keeps its messages and says why."
    )
    verdicts.append(verdict)
    assert verdict.is_clean, verdict.row()
