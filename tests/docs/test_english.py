"""English that reads as translated: the commonest slips, wherever people read. `docs/reference/english.md` has the voice."""

import ast
import io
import re
import tokenize

import pytest

from operations.paths import REPOSITORY

CODE = ("fleet", "formats", "message_queue", "operations", "rest_api", "sg_status", "station_agent", "web", "workers")
SLIPS = {
    "at the most": "at most",
    "at the least": "at least",
    r"takes? the role": "requires the … role",
    r"\banew\b": "again",
    r"\bto be had\b": "available",
    r"\bnone of ours\b": "not one of ours, or what it is",
    r"\bis told of\b": "is reported",
    r"\bso long (as|it|until)\b": "while, until",
    r"\bwho may not\b": "a caller without permission",
    r"\bfor good\b": "permanently",
    r"\bof whom\b": "whose, of which",
    r"\bnought\b": "zero",
    r"\bin vain\b": "without success",
}
SLIP = re.compile("|".join(f"(?:{pattern})" for pattern in SLIPS), re.IGNORECASE)
#: The address of a link: it may be a file's name, so it is not checked.
LINK = re.compile(r"\]\([^)]*\)")
#: A sentence whose subject is a clause; questions may begin with these words.
HEADLESS = re.compile(r"(Who|What|Whose|Where|Whom|Whoever)\b(?!.*\?)")
#: Pages that quote the slips.
QUOTED = {"docs/reference/english.md", "docs/reference/api-changes.md"}


def texts():
    for folder in CODE:
        for path in sorted((REPOSITORY / folder).rglob("*")):
            if (
                path.suffix in {".py", ".html", ".txt"}
                and "migrations" not in path.parts
                and "locale" not in path.parts
            ):
                yield path
    yield from sorted(p for p in (REPOSITORY / "docs").rglob("*.md") if "decisions" not in p.parts)
    yield from (REPOSITORY / "README.md", REPOSITORY / "docs" / "reference" / "openapi.yaml")
    yield from sorted((REPOSITORY / "tests").rglob("*.py"))


def lines_of(path):
    """Numbered lines of a file; of a test only docstrings and comments, because its other strings are input."""
    text = path.read_text()
    lines = list(enumerate(text.splitlines(), start=1))
    if path.suffix != ".py" or not path.is_relative_to(REPOSITORY / "tests"):
        return lines
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    comments = [(token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT]
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    described = [node for node in ast.walk(ast.parse(text)) if isinstance(node, kinds) and ast.get_docstring(node)]
    return comments + [line for node in described for line in lines[node.body[0].lineno - 1 : node.body[0].end_lineno]]


def test_nothing_reads_as_translated():
    found = [
        f"{path.relative_to(REPOSITORY)}:{number}: {match[0]!r}"
        for path in texts()
        if str(path.relative_to(REPOSITORY)) not in QUOTED
        for number, line in lines_of(path)
        for match in [SLIP.search(LINK.sub("", line))]
        if match
    ]
    assert not found, "\n".join(
        [*found[:40], f"{len(found)} in all; the better words are in docs/reference/english.md"]
    )


@pytest.mark.parametrize("folder", [*CODE, "tests"])
def test_a_file_s_first_line_has_a_subject(folder):
    found = []
    for path in sorted((REPOSITORY / folder).rglob("*.py")):
        if "migrations" in path.parts:
            continue
        said = ast.get_docstring(ast.parse(path.read_text())) or ""
        if HEADLESS.match(said.partition("\n")[0]):
            found.append(f"{path.relative_to(REPOSITORY)}: {said.partition(chr(10))[0]}")
    assert found == []


@pytest.mark.parametrize("folder", CODE)
def test_what_is_described_has_a_subject(folder):
    found = []
    for path in sorted((REPOSITORY / folder).rglob("*.py")):
        if "migrations" in path.parts:
            continue
        text = path.read_text()
        kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        said = [ast.get_docstring(node) or "" for node in ast.walk(ast.parse(text)) if isinstance(node, kinds)]
        said += re.findall(r"^\s*#: (.*)", text, re.MULTILINE)
        found += [f"{path.relative_to(REPOSITORY)}: {one.partition(chr(10))[0]}" for one in said if HEADLESS.match(one)]
    assert found == []


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_found(slip):
    said = re.sub(r"\(([a-z]+)[^)]*\)", r"\1", slip).replace(r"\b", "").replace("s?", "s")
    assert SLIP.search(f"It {said} here.")
