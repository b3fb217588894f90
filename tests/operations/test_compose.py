"""docker-compose.yml runs the same processes as `./roost up`, and exposes no more to the network than necessary."""

import re
import subprocess
import sys

import pytest
import yaml

from operations.paths import REPOSITORY
from operations.running.process_table import NAMES
from operations.settings_env import OPERATORS_CHOICE

COMPOSE = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if service.get("image") == "roost"]
THEIRS = ["rabbitmq", "postgres", "redis"]
CHECK = ["python", "-I", "-S", "operations/container_check.py"]


def test_every_process_of_the_table_has_its_container():
    running = {
        service["command"][1] for name, service in SERVICES.items() if (service.get("command") or [""])[0] == "run"
    }
    assert running == set(NAMES)


@pytest.mark.parametrize("name", [*NAMES, *THEIRS])
def test_every_container_has_a_real_health_check(name):
    assert SERVICES[name]["healthcheck"]["test"]


@pytest.mark.parametrize("name", list(SERVICES))
def test_every_container_is_read_only_without_rights(name):
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_only_the_one_that_hands_out_files_is_root():
    assert [name for name, service in SERVICES.items() if service.get("user") == "root"] == ["files"]


def test_the_images_have_the_intended_versions():
    assert SERVICES["rabbitmq"]["image"] == "rabbitmq:4.3.5-management"
    assert SERVICES["postgres"]["image"] == "postgres:17"
    assert SERVICES["redis"]["image"] == "redis:7"


def test_one_service_builds_the_image_and_the_others_wait_for_it_and_pull_nothing():
    assert [name for name in OURS if "build" in SERVICES[name]] == ["files"]
    assert SERVICES["files"]["pull_policy"] == "build"
    others = [name for name in OURS if name != "files"]
    assert {SERVICES[name]["pull_policy"] for name in others} == {"never"}
    assert all({"files", "init"} & set(SERVICES[name]["depends_on"]) for name in others)


def published(service):
    return {port.rpartition(":")[2]: port for port in SERVICES[service].get("ports", [])}


def test_nothing_is_open_to_the_network_unless_asked():
    doors = {door for service in SERVICES for door in published(service).values()}
    assert doors
    for door in doors:
        assert door.startswith(("127.0.0.1:", "${ROOST_BIND:-127.0.0.1}:", "${ROOST_BIND_SITE:-127.0.0.1}:"))


def test_opening_the_stations_port_opens_no_port_that_takes_passwords_in_plain_text():
    assert published("rabbitmq")["5671"].startswith("${ROOST_BIND:-127.0.0.1}:")
    assert published("site")["8000"].startswith("${ROOST_BIND_SITE:-127.0.0.1}:")
    assert published("live")["8001"].startswith("${ROOST_BIND_SITE:-127.0.0.1}:${ROOST_PORT_LIVE:-8001}:")


def test_every_setting_of_an_operator_reaches_every_container_of_ours():
    # Compose restarts no container that hangs, so no watchdog runs there.
    expected = {*OPERATORS_CHOICE, "ROOST_PUBLIC_HOST", "ROOST_PORT_SITE", "ROOST_PORT_LIVE", "ROOST_PORT_AMQPS"}
    for name in OURS:
        given = SERVICES[name]["environment"]
        assert set(given) == expected - {"ROOST_WATCHDOG_S"}, name
        assert all(value.startswith(f"${{{setting}") for setting, value in given.items())


@pytest.mark.parametrize("name", list(SERVICES))
def test_every_container_ends_alike_and_its_log_ends_somewhere(name):
    assert SERVICES[name]["stop_grace_period"] == "15s"
    assert SERVICES[name]["logging"] == {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}}


def test_a_health_check_of_ours_loads_neither_django_nor_any_other_library():
    for name in NAMES:
        assert SERVICES[name]["healthcheck"]["test"] == ["CMD", *CHECK, name]
    code = f"import runpy, sys; sys.argv = ['x', 'beat']; runpy.run_path({CHECK[-1]!r}); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, *CHECK[1:-1], "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "socket" in loaded
    assert {module for module in loaded if module.partition(".")[0] not in sys.stdlib_module_names} <= {"__main__"}


def test_no_secret_stands_in_the_file():
    text = (REPOSITORY / "docker-compose.yml").read_text()
    assert not re.search(r"(?im)^[^#\n]*(password|secret)\w*:[ ]*[^\s$/{]", text)


def test_what_is_mounted_is_declared():
    mounted = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert mounted == set(COMPOSE["volumes"])
