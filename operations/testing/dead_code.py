"""The check for dead code: vulture, which also gets to know the names in templates, settings and registries.

Tests do not count as use: a function that only its test calls is dead. Fields of classes are not checked, because rows,
messages and API answers have readers outside the code.
"""

from __future__ import annotations

import re
import sys
from fnmatch import fnmatchcase
from pathlib import Path

import vulture
from vulture.core import Item

from operations.paths import PACKAGES, REPOSITORY

SETTINGS = REPOSITORY / "web" / "settings.py"
#: Decorators that hand a function to a registry.
DECORATORS = [
    "@*app.command",
    "@admin.display",
    "@admin.register",
    "@*.connect",
    "@pytest.hookimpl",
    "@register.*",
    "@shared_task",
]
#: Names that code outside Roost looks for. Entries that match nothing are reported, so the list stays current.
NAMES = (
    # Django
    *("*Config", "add_arguments", "clean_*", "db_type", "has_*_permission", "handler[45]00", "app_name"),
    # Django asks a feed when it last changed.
    "latest_post_date",
    *("temporary_file_path", "to_python", "value_from_datadict"),
    # markdown-it asks whether an address may become a link.
    "validateLink",
    # Django REST framework and drf-spectacular
    *("accepted_*", "allow_request", "*Scheme", "authenticate_header", "get_*", "renderer_context"),
    *("to_representation", "validate_*"),
    # allauth
    *("_authenticate", "_get_login_attempts_cache_key", "is_open_for_signup", "is_safe_url"),
    # the standard library's servers, URL openers, archives and files; aiosmtpd
    *(
        "close_connection",
        "compress_type",
        "compression",
        "do_*",
        "handle_DATA",
        "log_message",
        "readable",
        "readinto",
        "redirect_request",
        "seekable",
    ),
    # psycopg, pika, py-amqp and Celery
    *("auto_decode", "autocommit", "beat_schedule", "bytes_recv", "include_if", "read_frame", "*_timeout", "Transport"),
    # paho-mqtt
    *("_create_socket_connection", "on_connect", "on_disconnect", "on_publish"),
    "pytest_*",
    # registries of modules in a folder
    *("ADAPTER", "CHECKS_OF_THE_DOMAIN", "CONDITION", "CONTRACT", "HANDLER", "RULE", "SOURCE", "SUBJECT"),
    # tables that only SQL reads and writes
    *("ReadingDay", "ReadingHour"),
    # Django reads these: whether a response is rendered, and a cache's client
    *("_is_rendered", "_cache"),
    # fault tests compare it with the number of messages that arrived
    "confirmed_count",
)
DOTTED = re.compile(rf"\b(?:{'|'.join(PACKAGES)})(?:\.\w+)+")
PLACEHOLDER = re.compile(r"\{[{%](.*?)[%}]\}", re.DOTALL)


def complaints() -> list[str]:
    """One sentence for each dead name, and for each entry of `NAMES` that is no longer needed."""
    finder = vulture.Vulture(ignore_decorators=DECORATORS)
    finder.scavenge([str(REPOSITORY / package) for package in PACKAGES], exclude=["*/migrations/*"])
    unused = finder.get_unused_code()
    fields = {item.name for item in unused if is_field(item)}
    known = names_in_templates() | names_in_strings() | fields
    suspects = [item for item in unused if item.name not in known and not is_library_setting(item)]
    dead = [item for item in suspects if not any(fnmatchcase(item.name, pattern) for pattern in NAMES)]
    idle = [pattern for pattern in NAMES if not any(fnmatchcase(item.name, pattern) for item in suspects)]
    places = (f"{Path(item.filename).relative_to(REPOSITORY)}:{item.first_lineno}" for item in dead)
    return [
        *(f"{place}: nothing uses the {item.typ} {item.name}" for place, item in zip(places, dead, strict=True)),
        *(f"operations/testing/dead_code.py: nothing needs {pattern} in NAMES" for pattern in idle),
    ]


def is_field(item: Item) -> bool:
    """Whether this is a variable inside a class. Unused variables inside functions are found by ruff."""
    if item.typ != "variable":
        return False
    line: str = Path(item.filename).read_text().splitlines()[item.first_lineno - 1]
    return line[:1].isspace()


def is_library_setting(item: Item) -> bool:
    """Whether a library reads this setting: Roost's own begin with ROOST."""
    return Path(item.filename) == SETTINGS and not item.name.startswith("ROOST_")


def names_in_templates() -> set[str]:
    """Every word in the placeholders and tags of the templates."""
    return {
        word
        for package in PACKAGES
        for template in (REPOSITORY / package).glob("**/templates/**/*.*")
        for inner in PLACEHOLDER.findall(template.read_text())
        for word in re.findall(r"\w+", inner)
    }


def names_in_strings() -> set[str]:
    """The last word of every dotted name of ours: settings and schedules name classes and functions that way."""
    return {
        dotted.rpartition(".")[2]
        for package in PACKAGES
        for source in (REPOSITORY / package).rglob("*.py")
        for dotted in DOTTED.findall(source.read_text())
    }


def main() -> int:
    """Print the dead names; the exit code is 1 if there are any."""
    found = complaints()
    print("\n".join(found) or "Nothing is dead.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
