"""The single place that builds every process's environment from the files under var."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from operations.instance import CONTAINER_VARIABLE, SIGNS_VARIABLE, Instance
from operations.paths import REPOSITORY
from operations.services.postgres import STATEMENT_TIMEOUT_MS, Login

#: Settings an operator may set for `./roost up`; they override the derived values.
OPERATORS_CHOICE = (
    "ROOST_ALERT_GROUP_WAIT_S",
    "ROOST_API_RATE",
    "ROOST_API_WRONG_KEYS",
    "ROOST_ENROLMENT_RATE",
    "ROOST_ENROLMENT_TOKEN_HOURS",
    "ROOST_ROTATION_OVERLAP_HOURS",
    "ROOST_EXPORTS_FOLDER",
    "ROOST_LATE_FACTOR",
    "ROOST_LOG_LEVEL",
    "ROOST_MOTUS_FOLDER",
    "ROOST_MOTUS_LOGIN",
    "ROOST_MOTUS_PASSWORD",
    "ROOST_MOTUS_PASSWORD_FILE",
    "ROOST_PROXIES",
    "ROOST_QUARANTINE_GROWTH",
    "ROOST_SHARED_WINDOW_S",
    "ROOST_STORM_CAP",
    "ROOST_PACE_BACKLOG",
    "ROOST_PACKAGES_BYTES",
    "ROOST_PACKAGES_DAYS",
    "ROOST_QUOTA_MESSAGES_PER_S",
    "ROOST_QUOTA_BURST",
    "ROOST_QUOTA_BYTES_PER_HOUR",
    "ROOST_COLD_AFTER_MONTHS",
    "ROOST_FILES_QUOTA_BYTES",
    "ROOST_QUOTA_BYTES_BURST",
    "ROOST_RECONNECT_GRACE_S",
    "ROOST_S3_ADDRESSING",
    "ROOST_S3_BUCKET",
    "ROOST_S3_CA_FILE",
    "ROOST_S3_ENDPOINT",
    "ROOST_S3_FOLDER",
    "ROOST_S3_KEY_ID",
    "ROOST_S3_REGION",
    "ROOST_S3_SECRET",
    "ROOST_S3_SECRET_FILE",
    "ROOST_S3_TIMEOUT_S",
    "ROOST_SIGNUP",
    "ROOST_ORGANIZATIONS_BY",
    "ROOST_SILENT_FACTOR",
    "ROOST_SMTP_PASSWORD",
    "ROOST_SMTP_PASSWORD_FILE",
    "ROOST_SMTP_TLS",
    "ROOST_SMTP_USER",
    "ROOST_SYNC_INTERVAL_S",
    "ROOST_TAPS_MOST",
    "ROOST_TAP_BYTES",
    "ROOST_TILES_ATTRIBUTION",
    "ROOST_TILES_FILE",
    "ROOST_TILES_URL",
    "ROOST_ALLOWED_HOSTS",
    "ROOST_DEBUG",
    "ROOST_MAIL_FROM",
    "ROOST_MOTUS_PAGE",
    "ROOST_MOTUS_STATUS_URL",
    "ROOST_MOTUS_URL",
    "ROOST_SITE_URL",
    "ROOST_SMTP_HOST",
    "ROOST_SMTP_PORT",
    "ROOST_STATION_AMQP_HOST",
    "ROOST_STATION_AMQP_PORT",
    "ROOST_WATCHDOG_S",
    "ROOST_WEBHOOK_PRIVATE_ADDRESSES",
)

#: Variables of the caller's environment that every program gets.
INHERITED = ("HOME", "TMPDIR", "TZ", "USER", CONTAINER_VARIABLE, SIGNS_VARIABLE)

#: Variables of the caller's environment that a command for a person gets too.
_OF_TERMINAL = ("TERM", "COLUMNS", "LINES", "EDITOR", "NO_COLOR")

FLEET_VHOST = "fleet"
JOBS_VHOST = "jobs"


def public_host(operator: Mapping[str, str] = os.environ) -> str:
    """The name by which stations and browsers reach this machine."""
    return operator.get("ROOST_PUBLIC_HOST", "").split(",")[0].strip() or "127.0.0.1"


def site_url(instance: Instance, operator: Mapping[str, str] = os.environ) -> str:
    """The URL at which people and stations reach the site."""
    return operator.get("ROOST_SITE_URL") or f"http://{public_host(operator)}:{public_port(instance, 'site', operator)}"


def public_port(instance: Instance, name: str, operator: Mapping[str, str]) -> int:
    """The external port of a service. A container's own port is fixed, and published as another one."""
    shown = operator.get(f"ROOST_PORT_{name.upper()}") if instance.in_container else None
    return int(shown) if shown else instance.ports[name]


def site_hosts(instance: Instance, operator: Mapping[str, str]) -> list[str]:
    """The names to which the site answers."""
    named = urlsplit(site_url(instance, operator)).hostname or public_host(operator)
    return list(dict.fromkeys(("localhost", "127.0.0.1", public_host(operator), named)))


def settings_environment(
    instance: Instance, *, login: Login = "worker", operator: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """The ROOST_* settings, nothing else. `login` determines the statement timeout."""
    paths, ports, secrets = instance.paths, instance.ports, instance.secrets
    settings = {
        "ROOST_VAR": str(paths.var),
        "ROOST_SECRET_KEY": secrets["secret_key"],
        "ROOST_DATABASE_URL": instance.postgres.url(login),
        "ROOST_STATEMENT_TIMEOUT_MS": str(STATEMENT_TIMEOUT_MS[login]),
        "ROOST_REDIS_URL": instance.redis.url(),
        "ROOST_FLEET_BROKER_URL": instance.rabbitmq.broker_url("ingest", FLEET_VHOST),
        "ROOST_COMMAND_BROKER_URL": instance.rabbitmq.broker_url("commander", FLEET_VHOST),
        "ROOST_JOBS_BROKER_URL": instance.rabbitmq.broker_url("jobs", JOBS_VHOST),
        "ROOST_MANAGEMENT_URL": instance.rabbitmq.management_url,
        "ROOST_MANAGEMENT_USER": "provisioner",
        "ROOST_MANAGEMENT_PASSWORD": secrets["broker_provisioner"],
        "ROOST_FLEET_VHOST": FLEET_VHOST,
        "ROOST_STATION_AMQP_HOST": public_host(operator),
        "ROOST_STATION_AMQP_PORT": str(public_port(instance, "amqps", operator)),
        "ROOST_STATION_AMQP_TLS": "1",
        "ROOST_CA_FILE": str(paths.tls / "ca.pem"),
        "ROOST_SITE_URL": site_url(instance, operator),
        # Behind a proxy, browsers reach the live process at the site's own address.
        "ROOST_LIVE_PORT": "" if operator.get("ROOST_SITE_URL") else str(public_port(instance, "live", operator)),
        "ROOST_ALLOWED_HOSTS": ",".join(site_hosts(instance, operator)),
        "ROOST_DEBUG": "0",
        "ROOST_SMTP_HOST": instance.host("mail"),
        "ROOST_SMTP_PORT": str(ports["smtp"]),
        "ROOST_MAIL_FROM": f"roost@{public_host(operator) if public_host(operator) != '127.0.0.1' else 'localhost'}",
        # The image is built with its static files; here they are collected at startup.
        "ROOST_STATIC_ROOT": str(REPOSITORY / "static" if instance.in_container else paths.static),
        "ROOST_FILES_ROOT": str(paths.files),
    }
    return settings | {name: operator[name] for name in OPERATORS_CHOICE if operator.get(name)}


def process_environment(
    instance: Instance,
    *,
    login: Login = "worker",
    extra: Mapping[str, str] | None = None,
    operator: Mapping[str, str] = os.environ,
) -> dict[str, str]:
    """A complete environment for one of Roost's processes."""
    scripts = str(Path(sys.executable).parent)
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return {
        **inherited,
        "PATH": os.pathsep.join((scripts, os.environ.get("PATH", os.defpath))),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "DJANGO_SETTINGS_MODULE": "web.settings",
        **settings_environment(instance, login=login, operator=operator),
        **(extra or {}),
    }


def interactive_environment(instance: Instance, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """A complete environment for a command for a person, without a time limit on statements."""
    no_limit = {"ROOST_STATEMENT_TIMEOUT_MS": "0", "PYTHONPATH": str(REPOSITORY)}
    environment = process_environment(instance, extra={**no_limit, **(extra or {})})
    environment |= {name: os.environ[name] for name in _OF_TERMINAL if name in os.environ}
    if os.environ.get("NO_COLOR"):
        environment["DJANGO_COLORS"] = "nocolor"
    return environment
