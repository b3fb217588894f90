"""The documentation as tests read it: pages, their links, anchors, code blocks and commands."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "requirements" / "README.md", *DOCS.rglob("*.md")])

_PATH = re.compile(r"`((?:[\w.-]+/)+[\w-]+\.[\w.]+)`")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_INDENTED = re.compile(r"(?:(?<=\n\n)|\A)(?:(?: {4}|\t).*\n|\n(?= {4}))+")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)


def name(page: Path) -> str:
    """The page's name in a test."""
    return str(page.relative_to(ROOT))


def prose(page: Path) -> str:
    """The page without its code."""
    return _INDENTED.sub("\n", _FENCE.sub("", page.read_text("utf-8")))


def links(page: Path) -> list[str]:
    """Targets of its links, as written."""
    return _LINK.findall(prose(page))


def anchors(page: Path) -> set[str]:
    """Anchors of its headings."""
    words = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(prose(page)))
    return {text.strip().replace(" ", "-") for text in words}


def files_of(page: Path) -> dict[str, str]:
    """Files that a guide writes: each block of code after a paragraph that names paths, by the last of them."""
    found = {}
    text = page.read_text("utf-8")
    for block in _FENCE.finditer(text):
        paragraph = text[: block.start()].rstrip().rpartition("\n\n")[2]
        if block[1] and (paths := _PATH.findall(paragraph)):
            found[paths[-1]] = block[2]
    return found


def commands(page: Path, program: str) -> Iterator[list[str]]:
    """The words after each mention of a program, up to the first that is not a plain word."""
    for rest in re.findall(rf"(?<![\w/]){re.escape(program)}((?: +[a-z][\w-]*)+)", page.read_text("utf-8")):
        yield rest.split()
