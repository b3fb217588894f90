"""Settings are read once, in web/settings.py: nothing else below `operations` looks into the environment."""

import ast

import pytest

from operations.paths import REPOSITORY

#: `operations` builds the environments of the processes, and a station's agent has no Django settings.
PACKAGES = ("web", "rest_api", "sg_status", "workers", "fleet", "formats", "message_queue")
REASONS = {
    "web/secrets.py": "reads the settings for web/settings.py",
    "web/assets.py": "hands PATH on to npm, and runs where nothing is set yet",
    "message_queue/__init__.py": "is the agent's too, and chooses msgspec's replacement before anything is imported",
}
READS = {"environ", "environb", "getenv"}
SOURCES = [path for package in PACKAGES for path in sorted((REPOSITORY / package).rglob("*.py"))]


def reads_of(source: str) -> list[int]:
    """Lines that read the environment. Naming the settings module for Django is no reading."""
    tree = ast.parse(source)
    named = {
        id(node.func.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "setdefault"
        and [getattr(word, "value", None) for word in node.args] == ["DJANGO_SETTINGS_MODULE", "web.settings"]
    }
    return [
        node.lineno
        for node in ast.walk(tree)
        if id(node) not in named
        and (
            (isinstance(node, ast.Attribute) and node.attr in READS)
            or (isinstance(node, ast.ImportFrom) and node.module == "os" and READS & {name.name for name in node.names})
        )
    ]


def test_only_settings_are_read_from_the_environment():
    assert len(SOURCES) > 400
    found = {str(path.relative_to(REPOSITORY)): reads_of(path.read_text()) for path in SOURCES}
    assert {path: lines for path, lines in found.items() if lines and path not in REASONS} == {}
    assert [path for path in REASONS if not found[path]] == [], "these files need no reason any more"


@pytest.mark.parametrize(
    "source",
    [
        "import os\nNAME = os.environ.get('ROOST_NAME')",
        "import os\nos.environ.setdefault('ROOST_NAME', '1')",
        "from os import environ",
        "from os import getenv as ask",
        "import os as machine\nmachine.getenv('ROOST_NAME')",
    ],
)
def test_the_test_sees_every_way_of_reading(source):
    assert reads_of(source)


def test_naming_the_settings_is_no_reading():
    assert reads_of("import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'web.settings')") == []
