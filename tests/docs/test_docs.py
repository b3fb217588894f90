"""Everything that the documentation names exists: links, pages, files, commands and settings; and the reference is
complete.
"""

import importlib
import re
from urllib.parse import urlsplit

import pytest
import typer.main
from django.core.management import get_commands, load_command_class
from docs.doc_pages import DOCS, PAGES, ROOT, anchors, commands, files_of, links, name

from operations import cli
from operations.bench.__main__ import app as bench_app
from operations.settings_env import OPERATORS_CHOICE
from station_agent.main import app as agent_app

CLI = (DOCS / "reference" / "cli.md").read_text("utf-8")
SETTINGS = (DOCS / "reference" / "settings.md").read_text("utf-8")
WIRE = (DOCS / "reference" / "wire.md").read_text("utf-8")
#: Files that the guides create.
MADE = {path for page in (DOCS / "how-to").glob("*.md") for path in files_of(page)}
OURS = (
    "fleet",
    "web",
    "rest_api",
    "sg_status",
    "workers",
    "formats",
    "message_queue",
    "station_agent",
    "operations",
    "tests",
    "docs",
)
WORDS = ("station", "organization", "key", "user", "card", "export")


def sources():
    folders = [ROOT / folder for folder in OURS if folder not in ("tests", "docs")]
    return [path for folder in folders for path in folder.rglob("*.py")]


def code_text():
    plain = [ROOT / "roost", ROOT / "docker-compose.yml", ROOT / "Dockerfile"]
    # The fault rig is controlled through the environment, and its report says how.
    plain += (ROOT / "tests" / "faults").glob("*.py")
    return "\n".join(path.read_text("utf-8") for path in [*sources(), *plain])


def words_of(command):
    """The subcommands of one of our Django commands, with their options."""
    found = {}
    made = load_command_class(get_commands()[command], command)
    parser = made.create_parser("roost", command)
    for action in parser._subparsers._group_actions:
        for word, inner in action.choices.items():
            options = [text for act in inner._actions for text in act.option_strings if text.startswith("--")]
            found[word] = [text for text in options if text != "--help"]
    return found


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page):
    for link in links(page):
        parts = urlsplit(link)
        if parts.scheme:
            assert parts.scheme == "https", link
            continue
        target = (page.parent / parts.path).resolve() if parts.path else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        if parts.fragment:
            assert parts.fragment in anchors(target), link


def test_every_page_is_in_the_index():
    index = DOCS / "README.md"
    listed = {(DOCS / urlsplit(link).path).resolve() for link in links(index)}
    assert [name(page) for page in DOCS.rglob("*.md") if page != index and page not in listed] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_file_that_is_named_is_there(page):
    named = re.findall(r"`((?:[\w.<>-]+/)+[\w.<>-]*)`", page.read_text("utf-8"))
    ours = [path for path in named if path.startswith(tuple(f"{folder}/" for folder in OURS)) and "<" not in path]
    assert [path for path in ours if not (ROOT / path).exists() and path not in MADE] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_that_is_named_exists(page):
    roost = set(typer.main.get_command(cli.app).commands)
    known = {command: set(words_of(command)) for command in WORDS}
    for first, *rest in commands(page, "./roost"):
        assert first in roost, f"./roost {first}"
        if first == "manage" and rest:
            assert rest[0] in get_commands(), f"./roost manage {rest[0]}"
        command = rest.pop(0) if first == "manage" and rest else first
        if command in known and rest:
            assert rest[0] in known[command], f"{command} {rest[0]}"
    agent = set(typer.main.get_command(agent_app).commands)
    for first, *_ in commands(page, "    station-agent"):
        assert first in agent, f"station-agent {first}"


def described():
    """(command, words that its line in the reference must have) for every command."""
    for program, app in (("./roost", cli.app), ("station-agent", agent_app), ("bench", bench_app)):
        for word, command in typer.main.get_command(app).commands.items():
            options = [
                next(o for o in p.opts if o.startswith("--")) for p in command.params if p.opts[0].startswith("-")
            ]
            short = {"--lines": "-n", "--follow": "-f"} if word == "logs" else {}
            yield f"{program} {word}", [short.get(option, option) for option in options if option != "--help"]
    for command in WORDS:
        for word, options in words_of(command).items():
            yield f"{command} {word}", options


@pytest.mark.parametrize(
    ("what", "options"), list(described()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_command_and_option_is_in_the_reference(what, options):
    lines = [line for line in CLI.splitlines() if re.match(rf"\| `{re.escape(what)}[ `]", line)]
    assert len(lines) == 1, f"{what} has {len(lines)} lines in docs/reference/cli.md"
    assert [option for option in options if option not in lines[0]] == []


def test_every_setting_is_in_the_reference():
    text = (ROOT / "web" / "settings.py").read_text("utf-8")
    read = set(re.findall(r'(?:setting|environ\.get)\(\s*"(ROOST_\w+)"', text))
    assert len(read) > 30
    assert sorted(setting for setting in read if f"`{setting}`" not in SETTINGS) == []


def test_what_an_operator_may_set_stands_under_yours_and_nothing_else_does():
    yours = SETTINGS.split("## Yours")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in yours.splitlines() if line.startswith("| `")]
    described_there = {setting for row in rows for setting in re.findall(r"`(ROOST_\w+)`", row)}
    # A secret may come from a file instead; that is described once for all of them.
    secrets = {
        setting for setting in OPERATORS_CHOICE if setting.removesuffix("_FILE") in set(OPERATORS_CHOICE) - {setting}
    }
    assert described_there == set(OPERATORS_CHOICE) - secrets


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_setting_that_is_named_is_read_somewhere(page):
    text = code_text()
    named = set(re.findall(r"\bROOST_[A-Z_]+[A-Z]\b", page.read_text("utf-8")))
    ports = {setting for setting in named if setting.startswith("ROOST_PORT_")}
    known = {f"ROOST_PORT_{port.upper()}" for port in importlib.import_module("operations.ports").NAMES}
    assert ports - {"ROOST_PORT_"} <= known
    assert sorted(setting for setting in named - ports if setting not in text) == []


def test_every_reason_is_in_the_wires_reference():
    text = "\n".join(path.read_text("utf-8") for path in sources())
    reasons = set(re.findall(r'MessageRefused\(\s*"([a-z-]+)"', text))
    reasons |= set(re.findall(r'Refusal\([^()]*(?:\([^()]*\))?[^()]*"([a-z]+-[a-z-]+)"', text))
    assert {"unknown-kind", "not-stored", "dead-lettered"} <= reasons
    assert [word for word in sorted(reasons) if f"`{word}`" not in WIRE] == []


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) < 120


def test_every_decision_has_its_three_parts():
    for page in sorted((DOCS / "decisions").glob("*.md")):
        text = page.read_text("utf-8")
        assert re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", page.name)
        assert [part for part in ("Context", "Decision", "Consequence") if part not in text] == [], page.name
