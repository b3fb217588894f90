"""Every refusal of the domain belongs to one family, so that pages, API and commands know how to answer it."""

import ast
import importlib
import pkgutil
from pathlib import Path

import fleet
from fleet.core import errors
from fleet.core.errors import Conflict, DomainError, Forbidden, InvalidInput, NotFound, TooMany, Unavailable
from rest_api.problems import status_of

FAMILIES = {Forbidden: 403, Conflict: 409, TooMany: 429, Unavailable: 503, NotFound: 404, InvalidInput: 400}


def refusals(base=DomainError):
    for kind in base.__subclasses__():
        yield kind
        yield from refusals(kind)


def modules():
    return [importlib.import_module(found.name) for found in pkgutil.walk_packages(fleet.__path__, "fleet.")]


def test_every_refusal_has_exactly_one_family_and_its_status():
    assert errors in modules()
    found = set(refusals())
    assert found > FAMILIES.keys(), "the named refusals, such as BrokerUnreachable, were not found"
    for kind in found:
        own = [family for family in FAMILIES if issubclass(kind, family)]
        assert len(own) == 1, f"{kind.__module__}.{kind.__name__} belongs to {own}: derive it from one family"
        assert status_of(kind) == FAMILIES[own[0]]


def test_nobody_raises_a_refusal_without_a_family():
    bare = [
        f"{path}:{node.lineno}"
        for folder in ("fleet", "rest_api", "sg_status", "web", "workers")
        for path in Path(folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "DomainError"
    ]
    assert not bare, "raise one of the families of fleet.core.errors instead"
