"""docker-compose.yml runs the same processes as `./roost up`, and shows no more to the network than it must."""

import re

import pytest
import yaml

from operations.paths import REPOSITORY
from operations.process_table import NAMES

COMPOSE = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if service.get("image") == "roost"]
THEIRS = ["rabbitmq", "postgres", "redis"]


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


def test_the_images_are_those_that_are_safe_to_show():
    assert SERVICES["rabbitmq"]["image"] == "rabbitmq:4.3-management"
    assert SERVICES["postgres"]["image"] == "postgres:17"
    assert SERVICES["redis"]["image"] == "redis:7"


def test_nothing_is_open_to_the_network_unless_asked():
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    for port in published:
        assert port.startswith(("127.0.0.1:", "${ROOST_BIND:-127.0.0.1}:"))


def test_no_secret_stands_in_the_file():
    text = (REPOSITORY / "docker-compose.yml").read_text()
    assert not re.search(r"(?im)^[^#\n]*(password|secret)\w*:[ ]*[^\s$/{]", text)


def test_what_is_mounted_is_declared():
    mounted = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert mounted == set(COMPOSE["volumes"])
