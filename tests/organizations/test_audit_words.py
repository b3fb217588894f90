"""Every action in the audit log has a text for people."""

import ast
import re
from pathlib import Path

import fleet
from sg_status.pages.organization.audit_words import ACTIONS, action_words, detail_words

_ACTION = re.compile(r"[a-z]+\.[a-z_]*\Z")


def actions_of(tree: ast.AST) -> set[str]:
    """Actions like `noun.verb` in calls that write an entry or pass one on; `noun.` if the verb is added later."""
    found = set()
    for node in ast.walk(tree):
        name = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
        is_assigned = isinstance(node, ast.Assign) and "action" in ast.unparse(node.targets[0])
        if not (name in ("audit", "audit_write") or name.startswith("_") or is_assigned):
            continue
        texts = [each.value for each in ast.walk(node) if isinstance(each, ast.Constant)]
        found |= {text for text in texts if isinstance(text, str) and _ACTION.match(text)}
    return found


def test_every_action_has_words_and_every_word_an_action():
    written = set()
    for path in Path(fleet.__file__).parent.rglob("*.py"):
        if re.search(r"\baudit(_write)?\(", path.read_text()):
            written |= actions_of(ast.parse(path.read_text()))
    assert {"member.add", "member.role", "station.register", "invitation.resend"} <= written
    stems = tuple(each for each in written if each.endswith("."))
    assert written - set(ACTIONS) - set(stems) == set()
    assert {each for each in set(ACTIONS) - written if not each.startswith(stems)} == set()


def test_what_has_no_words_stands_as_it_is_called_and_details_are_bounded():
    assert action_words("a.thing") == "a.thing"
    assert detail_words({"role": "viewer", "note": "", "n": 0}) == "role: viewer · n: 0"
    told = {"is_alerted": False, "stations": [2, 3], "parameters": {"seconds": 10, "until": None}}
    assert detail_words(told) == "is_alerted: no · stations: 2, 3 · parameters: seconds 10"
    assert len(detail_words({"text": "x" * 5_000})) == 300
