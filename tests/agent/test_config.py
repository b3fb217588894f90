"""The configuration is read completely or refused with a sentence; only the owner can read its secrets."""

import stat

import pytest

from station_agent.config import config_load, config_read, config_write
from station_agent.errors import WrongUse
from station_agent.sources import source_kinds, sources_check, sources_make

AMQP = {
    "host": "roost.example.org",
    "port": 5671,
    "username": "st.SG-TEST.1",
    "password": 'se"cret\\',
    "exchange": "in.SG-TEST",
    "command_queue": "cmd.SG-TEST",
    "ca_pem": "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n",
}
TABLE = {
    "serial": "SG-TEST",
    "profile": "frugal",
    "amqp": AMQP,
    "commands": {"reboot": ["sudo", "reboot"]},
    "sources": {"sensorgnome": {"directory": "/data/SGdata", "pulses": "counts"}, "host_health": {}},
}


@pytest.mark.parametrize("name", ["config.toml", "config.json"])
def test_what_is_written_is_read(tmp_path, name):
    path = tmp_path / "new" / name
    config_write(path, TABLE)
    assert config_read(path) == TABLE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    config = config_load(path, {})
    assert (config.amqp.password, config.tuning.heartbeat, config.commands.reboot) == (
        'se"cret\\',
        60,
        ["sudo", "reboot"],
    )


def test_a_failed_writing_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "config.toml"
    config_write(path, TABLE)
    with pytest.raises(TypeError):
        config_write(path, {"serial": object()})
    assert config_read(path) == TABLE


def test_the_environment_overrides_the_file(tmp_path):
    path = tmp_path / "config.toml"
    config_write(path, TABLE)
    secret = tmp_path / "secret"
    secret.write_text("from a file\n")
    environment = {
        "STATION_AGENT_PROFILE": "satellite",
        "STATION_AGENT_AMQP_PORT": "5672",
        "STATION_AGENT_AMQP_TLS": "false",
        "STATION_AGENT_AMQP_PASSWORD_FILE": str(secret),
        "STATION_AGENT_COMMANDS_REBOOT": '["true"]',
        "STATION_AGENT_REPORTING_INTERVAL": "60",
    }
    config = config_load(path, environment)
    assert (config.profile, config.amqp.port, config.amqp.tls, config.amqp.password) == (
        "satellite",
        5672,
        False,
        "from a file",
    )
    assert (config.commands.reboot, config.reporting_interval) == (["true"], 60)


def test_a_source_takes_its_settings_from_the_environment_too(make_station, monkeypatch, tmp_path):
    monkeypatch.setenv("STATION_AGENT_SENSORGNOME_DIRECTORY", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("STATION_AGENT_HOST_HEALTH_ENABLED", "false")
    sources = sources_make(make_station())
    assert list(sources) == ["files", "sensorgnome"]
    assert sources["sensorgnome"]._folder.root == tmp_path / "elsewhere"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"profil": "frugal"}, "profil"),
        ({"profile": "rich"}, "profile"),
        ({"amqp": AMQP | {"port": 0}}, r"\$\.amqp\.port"),
        ({"reporting_interval": 1}, "reporting_interval"),
        ({"commands": {"reboot": []}}, "reboot"),
        ({"sources": {"weather": {}}}, "no source 'weather'"),
        ({"sources": {"sensorgnome": {"pulses": "some"}}}, "pulses"),
        ({"sources": {"sensorgnome": {"directroy": "/x"}}}, "directroy"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, changes, words):
    path = tmp_path / "config.toml"
    config_write(path, TABLE | changes)
    with pytest.raises(WrongUse, match=words):
        sources_check(config_load(path, {}))


@pytest.mark.parametrize(("name", "text"), [("c.toml", "a = "), ("c.json", "{"), ("c.json", "[1]"), ("c.toml", "\x00")])
def test_what_cannot_be_read_is_said(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(WrongUse, match=str(path)):
        config_load(path, {})


def test_without_a_server_the_error_says_how_to_get_one(tmp_path):
    with pytest.raises(WrongUse, match="station-agent enrol"):
        config_load(tmp_path / "none.toml", {})


def test_each_source_has_its_file():
    assert set(source_kinds()) == {"files", "host_health", "sensorgnome"}
