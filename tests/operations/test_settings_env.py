"""Every process gets its settings from one place, and from the caller's environment only those that an operator may
set.
"""

import subprocess
import sys

import pytest

from operations.instance import CONTAINER_VARIABLE, EVERYWHERE, Instance
from operations.paths import REPOSITORY, Paths
from operations.running.process_table import NAMES, process_programs
from operations.settings_env import OPERATORS_CHOICE, process_environment, settings_environment


@pytest.fixture
def instance(tmp_path):
    return Instance.load(Paths(tmp_path))


def test_what_an_operator_says_wins(instance):
    settings = settings_environment(instance, operator={"ROOST_SMTP_HOST": "mail.example.org"})
    assert settings["ROOST_SMTP_HOST"] == "mail.example.org"


def test_nothing_else_of_the_callers_settings_gets_through(instance, monkeypatch):
    monkeypatch.setenv("ROOST_DATABASE_URL", "postgres://elsewhere/production")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    environment = process_environment(instance)
    assert "elsewhere" not in environment["ROOST_DATABASE_URL"]
    assert "PYTHONPATH" not in environment


def test_statements_of_a_page_end_sooner_than_those_of_a_worker(instance):
    site = settings_environment(instance, login="site", operator={})
    worker = settings_environment(instance, login="worker", operator={})
    assert (site["ROOST_STATEMENT_TIMEOUT_MS"], worker["ROOST_STATEMENT_TIMEOUT_MS"]) == ("15000", "120000")
    assert "//roost_site:" in site["ROOST_DATABASE_URL"]
    assert "//roost_worker:" in worker["ROOST_DATABASE_URL"]


def test_behind_a_proxy_the_site_answers_to_its_name_and_live_comes_through_it(instance):
    settings = settings_environment(instance, operator={"ROOST_SITE_URL": "https://roost.example.org"})
    assert "roost.example.org" in settings["ROOST_ALLOWED_HOSTS"].split(",")
    assert settings["ROOST_LIVE_PORT"] == ""


def test_no_secret_stands_on_a_command_line(instance):
    words = [word for program in process_programs(instance, demo_stations=3) for word in program.command]
    for secret in instance.secrets.values():
        assert not [word for word in words if secret in word]


def test_the_demo_adds_its_own_processes_and_a_motus_of_its_own(instance):
    assert [program.name for program in process_programs(instance)] == list(NAMES)
    demo = process_programs(instance, demo_stations=3)
    assert {program.name for program in demo} - set(NAMES) == {"motus", "fleet"}
    assert f":{instance.ports['motus']}/" in demo[0].environment["ROOST_MOTUS_URL"]


def test_in_a_container_services_are_reached_by_name(tmp_path, monkeypatch):
    monkeypatch.setenv(CONTAINER_VARIABLE, "1")
    settings = process_environment(Instance.load(Paths(tmp_path)), operator={})
    assert settings["ROOST_DATABASE_URL"].endswith("@postgres:5432/roost")
    assert settings["ROOST_FLEET_BROKER_URL"].endswith("@rabbitmq:5672/fleet")
    assert settings["ROOST_SMTP_HOST"] == "mail"


def test_in_a_container_others_are_told_the_ports_at_which_it_is_shown(tmp_path, monkeypatch):
    monkeypatch.setenv(CONTAINER_VARIABLE, "1")
    inside = Instance.load(Paths(tmp_path))
    shown = {"ROOST_PORT_SITE": "8080", "ROOST_PORT_LIVE": "8081", "ROOST_PORT_AMQPS": "5672"}
    settings = settings_environment(inside, operator={**shown, "ROOST_PUBLIC_HOST": "roost.example.org"})
    assert settings["ROOST_SITE_URL"] == "http://roost.example.org:8080"
    assert settings["ROOST_LIVE_PORT"] == "8081"
    assert settings["ROOST_STATION_AMQP_PORT"] == "5672"
    assert settings_environment(inside, operator={"ROOST_PORT_LIVE": ""})["ROOST_LIVE_PORT"] == "8001"


def test_an_empty_setting_counts_as_unset_everywhere(tmp_path):
    """Compose passes `NAME=` for unset names, and a process or health check in a container gets it."""
    code = (
        "import django; django.setup(); import operations.running.process_table, operations.running.watchdog, workers.consumers.inbound\n"
        "from operations.instance import Instance; print(Instance.load().site_bind)"
    )
    names = [*OPERATORS_CHOICE, "ROOST_INGEST_WORKERS", "ROOST_INGEST_BATCH", "ROOST_INGEST_NAME", "ROOST_BIND_SITE"]
    environment = process_environment(Instance.load(Paths(tmp_path)), operator={}) | dict.fromkeys(names, "")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "127.0.0.1\n"), done.stderr


@pytest.mark.parametrize(
    ("said", "broker", "site"),
    [
        ({}, "127.0.0.1", "127.0.0.1"),
        ({"ROOST_BIND": EVERYWHERE}, EVERYWHERE, "127.0.0.1"),
        ({"ROOST_BIND_SITE": EVERYWHERE}, "127.0.0.1", EVERYWHERE),
        ({"ROOST_BIND": "", "ROOST_BIND_SITE": ""}, "127.0.0.1", "127.0.0.1"),
    ],
)
def test_the_stations_port_and_the_ports_of_plain_http_are_opened_separately(tmp_path, monkeypatch, said, broker, site):
    for name in ("ROOST_BIND", "ROOST_BIND_SITE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    instance = Instance.load(Paths(tmp_path))
    instance.rabbitmq.prepare()
    configuration = (instance.rabbitmq.home / "rabbitmq.conf").read_text()
    assert f"listeners.ssl.1 = {broker}:" in configuration
    assert "listeners.tcp.1 = 127.0.0.1:" in configuration
    commands = {program.name: program.command for program in process_programs(instance)}
    assert {f"--host={site}"} == {word for name in ("site", "live") for word in commands[name] if "--host" in word}
