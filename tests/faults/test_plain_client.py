"""A foreign client, in another language and with another library: Debian's `amqp-publish` with a station's own login."""

import shutil
import subprocess
import time

import pytest
from waiting import PATIENCE_S

pytestmark = pytest.mark.faults

CLIENT = "amqp-publish"


def publish(grant, ca_file, body, key="readings", exchange=None):
    """Publish one SenML pack over TLS. The server is given by name, because this client checks names, not addresses."""
    assert shutil.which(CLIENT), "amqp-publish is missing: install the package amqp-tools."
    url = f"amqps://{grant['username']}:{grant['password']}@localhost:{grant['port']}/{grant['vhost']}"
    words = ["--cacert", str(ca_file), "--exchange", exchange or grant["exchange"], "--routing-key", key]
    command = [CLIENT, "--url", url, *words, "--content-type", "application/senml+json", "--persistent", "--body", body]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)


@pytest.fixture
def ca_file(grants, tmp_path):
    path = tmp_path / "ca.pem"
    path.write_text(grants[0]["ca_pem"])
    return path


def test_a_senml_reading_of_a_plain_client_ends_in_the_database(rig, grants, ca_file):
    rig.worker_ensure()
    moment = int(time.time())
    done = publish(grants[0], ca_file, f'[{{"n":"shed/temperature","u":"Cel","v":21.5,"t":{moment}}}]')
    assert done.returncode == 0, done.stderr
    rig.quiesce()
    stored = rig.query(
        "SELECT r.value, extract(epoch FROM r.occurred_at)::bigint, s.unit FROM telemetry_reading r "
        "JOIN telemetry_series s ON s.id = r.series_id JOIN stations_station t ON t.id = s.station_id "
        "WHERE t.serial = %s AND s.name = 'shed/temperature'",
        grants[0]["serial"],
    )
    assert stored == [(21.5, moment, "Cel")]


def test_it_refuses_a_server_that_another_authority_signed(rig, grants):
    refused = publish(grants[0], "/etc/ssl/certs/ca-certificates.crt", "[]")
    assert refused.returncode != 0


def test_it_cannot_write_to_the_exchange_of_another_station(rig, grants, ca_file):
    refused = publish(grants[0], ca_file, "[]", exchange=grants[1]["exchange"])
    assert "ACCESS_REFUSED" in refused.stdout + refused.stderr
