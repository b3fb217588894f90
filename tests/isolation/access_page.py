"""The page docs/reference/access.md, made from the access table; test_matrix_admin.py says how to regenerate it."""

from pathlib import Path
from string import Template

from isolation.access_table import LIVE, TABLE, Address, Row, Rule, listed
from isolation.matrix import ACTORS, methods_of

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "reference" / "access.md"

WORDS = {
    Rule.ANYONE: "anyone",
    Rule.PERSON: "logged in",
    Rule.VIEWER: "viewer",
    Rule.OPERATOR: "operator",
    Rule.OWNER: "owner",
    Rule.ADMIN: "administrator",
}
_HEAD = ("| Address | Methods and who may |", "| --- | --- |")


def page() -> str:
    """The whole page."""
    known = listed()
    return Template((HERE / "access.md.template").read_text()).substitute(
        ADDRESSES=len(known),
        QUESTIONS=f"{sum(len(methods_of(name, each, TABLE[each.name])) for each in known for name in ACTORS):,}",
        API=_table([each for each in known if each.is_api]),
        PAGES=_table([each for each in known if not each.is_api]),
        LIVE="\n".join([*_HEAD, *(f"| `/{place}` | {_told(line)} |" for place, line in LIVE.items())]),
    )


def _table(rows: list[Address]) -> str:
    return "\n".join([*_HEAD, *(f"| `/{_plain(each.pattern)}` | {_told(TABLE[each.name])} |" for each in rows)])


def _plain(pattern: str) -> str:
    return pattern.replace("\\Z", "").replace("^", "").replace("|", "\\|")


def _told(line: Row) -> str:
    methods = line.methods
    if len(set(methods.values())) == 1 and len(methods) > 2:
        return f"any: {WORDS[next(iter(methods.values()))]}"
    return ", ".join(f"{method} {WORDS[rule]}" for method, rule in methods.items()) or "nothing is there"
