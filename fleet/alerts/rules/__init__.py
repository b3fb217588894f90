"""The alert rules: one file each; the folder is the registry.

A file defines `RULE`. Two files of one name are an error at start.
"""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from fleet.alerts.rules.base import Rule


@cache
def rules() -> dict[str, Rule]:
    """All rules by name, read once from this folder."""
    found: dict[str, Rule] = {}
    for module_info in sorted(iter_modules(__path__), key=lambda m: m.name):
        if module_info.ispkg or module_info.name == "base":
            continue
        rule: Rule = import_module(f"{__name__}.{module_info.name}").RULE
        if rule.name in found:
            raise RuntimeError(f"Two alert rules are named {rule.name!r}: rename one in fleet/alerts/rules.")
        found[rule.name] = rule
    return found
