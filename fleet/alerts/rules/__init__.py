"""Alert rules: one file each; the folder is the registry.

A file defines `RULE`. Two files with the same name are an error at start.
"""

from functools import cache

from fleet.alerts.models.made import MADE
from fleet.alerts.rules.base import Rule, made_rule
from message_queue.folder import folder_read


@cache
def rules() -> dict[str, Rule]:
    """All rules by name, read once from this folder."""
    return folder_read(__name__, "RULE", Rule)


def rule_known(name: str, title: str = "") -> Rule | None:
    """The rule of an incident: one of this folder, or one that people made, called by its title; else None."""
    return made_rule(name, title) if name.startswith(MADE) else rules().get(name)


def rule_of(name: str, title: str = "") -> Rule:
    """The same. Raises KeyError if there is no such rule any more."""
    if (found := rule_known(name, title)) is None:
        raise KeyError(name)
    return found
