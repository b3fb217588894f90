"""Each guide that extends Roost is applied to a copy of the repository, and the checks that it names are run there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from docs.doc_pages import DOCS, ROOT, files_of, name

from operations.instance import Instance
from operations.paths import Paths
from operations.settings_env import process_environment

GUIDES = sorted((DOCS / "how-to").glob("add-*.md"))
#: Code that proves that Roost found the new part, by guide, with the names of the examples.
FOUND = {
    "add-a-command": """
from message_queue.contracts.commands import command_contracts
from station_agent.commands import handlers
assert "identify" in command_contracts() and "identify" in handlers()
""",
    "add-a-forwarder": """
from fleet.forward.kinds import kinds
assert "buoys" in kinds() and kinds()["buoys"].secret_names == {"token"}
""",
    "add-a-language": """
from django.conf import settings
from django.utils import translation
from web.assets import catalogues_compile
from pathlib import Path
catalogues_compile(root=Path.cwd())
assert ("nl", "Nederlands") in settings.LANGUAGES
with translation.override("nl"):
    assert translation.gettext("Log out") == "Uitloggen"
""",
    "add-a-message-kind": """
from fleet.ingest.handlers import handlers
from message_queue.contracts import contracts
assert "visit" in contracts() and "visit" in handlers()
""",
    "add-a-page": """
from django.template.loader import get_template
from django.urls import reverse
from sg_status.registry import menu_entries
assert reverse("asleep") == "/asleep/"
assert "asleep" in [entry.url_name for entry in menu_entries()]
get_template("sg_status/fleet/asleep.html")
""",
    "add-a-source": """
from station_agent.sources import source_kinds
assert source_kinds()["one_wire"].settings().interval == 300
""",
    "add-an-alert-channel": """
from fleet.alerts.channels import channels
assert "chat" in channels()
""",
    "add-an-api-resource": """
from django.urls import reverse
assert reverse("api:asleep") == "/api/v1/asleep"
""",
    "add-an-outside-system": """
from fleet.sync.adapters import adapters
ringing = adapters()["ringing"]
row = {"id": 7, "serial": "SG-1", "status": "active"}
assert (ringing.key(row), ringing.listing(row).serial, ringing.rank(row)) == ("7", "SG-1", (1.0,))
assert ringing.listing({}).serial == ringing.key({}) == ""
""",
}

#: Files and folders that a working copy gathers besides its own; `.gitignore` names the same.
IGNORED = ("var", ".git", "node_modules", "vendor", "__pycache__", ".*_cache", "*.mo", "*.egg-info", "dist")


class Copy:
    """A copy of the repository in which every guide has been followed, and a Python that runs there."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "roost"
        # Without git: a machine that only runs Roost has none.
        shutil.copytree(ROOT, self.root, ignore=shutil.ignore_patterns(*IGNORED))
        instance = Instance.load(Paths(folder / "var"))
        self._environment = {**process_environment(instance, operator={}), "PYTHONPATH": str(self.root)}
        self.made: dict[str, list[str]] = {}

    def follow(self, guide: Path) -> None:
        """Write the guide's files. A guide adds files and changes none."""
        for path, code in files_of(guide).items():
            assert not (self.root / path).exists(), path
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_text(code, "utf-8")
            self.made.setdefault(guide.stem, []).append(path)

    def python(self, *words: str) -> None:
        """Run a module or a program of this Python there; it must succeed."""
        done = subprocess.run(
            [sys.executable, *words], cwd=self.root, env=self._environment, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}\n{done.stderr}"


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    made = Copy(tmp_path_factory.mktemp("followed"))
    for guide in GUIDES:
        made.follow(guide)
    # The guides of kinds and commands name this step.
    made.python("-m", "message_queue.generate")
    return made


def test_there_is_a_check_for_each_guide():
    assert [guide.stem for guide in GUIDES] == sorted(FOUND)


@pytest.mark.parametrize("guide", GUIDES, ids=name)
def test_a_guide_adds_two_files_at_most_and_a_sample(copy, guide):
    files = [path for path in copy.made[guide.stem] if not path.startswith("tests/")]
    assert 1 <= len(files) <= 2
    assert len(copy.made[guide.stem]) - len(files) <= 1


@pytest.mark.parametrize("guide", GUIDES, ids=name)
def test_roost_finds_what_a_guide_adds(copy, guide):
    copy.python("-c", f"import django\ndjango.setup()\n{FOUND[guide.stem]}")


def test_the_code_of_the_guides_passes_the_linter(copy):
    code = [path for paths in copy.made.values() for path in paths if path.endswith(".py")]
    copy.python("-m", "ruff", "format", "--check", *code)
    copy.python("-m", "ruff", "check", *code)


def test_the_code_of_the_guides_keeps_to_the_floors(copy):
    copy.python(str(Path(sys.executable).with_name("lint-imports")))


def test_generated_files_and_samples_follow(copy):
    copy.python("-m", "message_queue.generate", "--check")
    copy.python("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/wire/test_samples.py")


def test_the_api_document_describes_the_resource(copy):
    copy.python("manage.py", "spectacular", "--validate", "--fail-on-warn", "--file", os.devnull)
