"""Every command in README, tutorials, how-tos and reference is accepted and does what the page says."""

import io
import re
import shlex
from pathlib import Path

import pytest
import typer.main
import yaml
from django.contrib.auth.models import User
from django.core.management import call_command, get_commands, load_command_class
from docs.doc_pages import DOCS, ROOT, name

from fleet.organizations.services import organization_create
from operations import cli
from operations.container import main as container_main
from station_agent.main import app as agent_app

PAGES = [
    ROOT / "README.md",
    *sorted((DOCS / "how-to").glob("*.md")),
    *sorted((DOCS / "tutorials").glob("*.md")),
    DOCS / "reference" / "api.md",
    DOCS / "explanation" / "storage.md",
]
TYPED = re.compile(r"^(?: {4,}|)(?:\w+=\S+ )?((?:\./roost|station-agent|docker compose) .*)$", re.MULTILINE)
DJANGO_WORDS = ("station", "organization", "user", "key", "card", "export")
#: Placeholders of the pages, in capitals, and the values used for them.
STANDS_FOR = {"NAME": "jana", "ADDRESS": "jana@example.org", "TOKEN": "641f0ee1", "CODE": "ABCD-EFGH", "…": "641f0ee1"}
STATION = "SG-7F5ERPI46977"
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
#: Commands that a page assumes were run before, on another page or by the reader.
BEFORE = {
    "docs/how-to/put-it-on-a-server.md": ["user add maria --email maria@example.org"],
    "docs/reference/api.md": [f'station add {STATION} --organization "Long Point"'],
    "docs/explanation/storage.md": ['organization add "Institute" --owner admin'],
}

pytestmark = pytest.mark.django_db


def typed(page):
    """The commands of a page, in order, without comments."""
    for line in TYPED.findall(page.read_text("utf-8")):
        command = re.split(r"\s+(?:#|>|<|\|)\s?|\s&$", line)[0]
        for part in command.split(" && "):
            words = shlex.split(part.strip())
            yield [STANDS_FOR.get(word, word.rstrip("…")) for word in words]


@pytest.fixture
def server(monkeypatch, tmp_path):
    """A server after its first start, and a person who types a password on standard input."""
    admin = User.objects.create_superuser("admin", "admin@example.org", "a long password")
    organization_create(name="Long Point", owner=admin)
    monkeypatch.chdir(tmp_path)

    def run(words):
        monkeypatch.setattr("sys.stdin", io.StringIO("a password that is long enough\n"))
        try:
            call_command(*words)
        except SystemExit as end:
            return end.code or 0
        return 0

    return run


def parse_command(app, words):
    """Parse a command without running it; misuse raises."""
    group = typer.main.get_command(app)
    command = group.commands[words[0]]
    with command.make_context(words[0], list(words[1:])):
        pass


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_of_a_page_is_taken(page, server, capsys):
    for block in re.findall(r"(?:^    [\w-]+(?:,[^\n,]*)+\n)+", page.read_text("utf-8"), re.MULTILINE):
        if block.lstrip().startswith("serial,"):
            Path("stations.csv").write_text(re.sub(r"^    ", "", block, flags=re.MULTILINE))
    for line in BEFORE.get(name(page), []):
        assert server(shlex.split(line)) == 0, line
    for words in typed(page):
        program, *rest = words
        if program == "station-agent":
            parse_command(agent_app, rest)
        elif program == "docker":
            check_docker_command(rest[1:])
        elif rest[0] == "card" or rest[:2] == ["manage", "analyst"]:
            # Only parsed: it needs a card, or a superuser's login of the database.
            command, *rest = rest[rest[0] == "manage" :]
            load_command_class(get_commands()[command], command).create_parser("roost", command).parse_args(rest)
        elif rest[0] in DJANGO_WORDS:
            assert server(rest) == 0, (words, capsys.readouterr())
        elif rest[:2] == ["manage", "makemessages"]:
            continue
        elif rest[0] == "manage":
            if "--file" in rest:
                Path(rest[-1]).parent.mkdir(parents=True, exist_ok=True)
            assert server(rest[1:]) == 0, (words, capsys.readouterr())
        else:
            parse_command(cli.app, rest)


def check_docker_command(words):
    """Check a command of Compose: its services exist, and our image knows the words given to it."""
    options = {"up", "ps", "down", "build", "logs", "exec"}
    assert words[0] in options, words
    rest = [word for word in words[1:] if not word.startswith("-")]
    if words[0] != "exec":
        return
    assert rest[0] in SERVICES, words
    if "operations.container" in words:
        container_words = words[words.index("operations.container") + 1 :]
        assert not container_words or container_words[0] in ("manage", *DJANGO_WORDS), words


@pytest.mark.parametrize("word", ["frobnicate", "up"])
def test_the_image_refuses_a_word_that_it_does_not_know(word, capsys):
    assert container_main([word]) == 2
    assert "Say files, init" in capsys.readouterr().err


def test_there_are_commands_to_be_found():
    found = [words for page in PAGES for words in typed(page)]
    assert len(found) > 45
    assert {words[0] for words in found} == {"./roost", "station-agent", "docker"}
