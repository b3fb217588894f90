"""Every package that Roost installs is used: imported, named in a setting or a command, or here with its reason."""

import ast
import re
import tomllib
from importlib.metadata import packages_distributions

import pytest

from operations.paths import PACKAGES, REPOSITORY

#: Packages that no code names.
REASONS = {
    "uvloop": "uvicorn runs on it where it is installed",
    "pytest-django": "a plugin of pytest",
    "pytest-xdist": "a plugin of pytest",
    "celery-types": "types for mypy",
    "django-stubs": "types for mypy",
    "djangorestframework-stubs": "types for mypy",
    "types-psutil": "types for mypy",
    "import-linter": "a command of the checks",
    "flask-cors": "the server of moto",
}
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
GROUPS = {"project": PROJECT["project"]["dependencies"], **PROJECT["dependency-groups"]}
WANTED = [(group, re.match(r"[\w.-]+", line)[0].lower()) for group, lines in GROUPS.items() for line in lines]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def modules_named(*folders: str) -> set[str]:
    """The first word of everything that is imported, and of every string that is a dotted name."""
    found = set()
    for folder in folders:
        for source in (REPOSITORY / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(source.read_text())):
                if isinstance(node, ast.Import):
                    found.update(name.name.partition(".")[0] for name in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module:
                    found.add(node.module.partition(".")[0])
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.update(re.findall(r"^(\w+)(?:\.\w+)*$", node.value))
    return found


CODE, TESTS = modules_named(*PACKAGES), modules_named("tests")
OWNERS = packages_distributions()


@pytest.mark.parametrize(("group", "package"), WANTED, ids=lambda value: value)
def test_a_package_is_used(group, package):
    modules = {module for module, owners in OWNERS.items() if package in {normal(owner) for owner in owners}}
    named = modules & (CODE if group == "project" else CODE | TESTS)
    assert bool(named) != (package in REASONS), f"named: {named}, reason: {REASONS.get(package)}"
