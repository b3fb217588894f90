"""What changed between two OpenAPI documents, and what of it would break a program written for the older one."""

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

Document = Mapping[str, Any]

_METHODS = ("get", "put", "post", "patch", "delete")
#: Schemas in schemas; ours are not deeper, and one that holds itself ends here.
_DEPTH_MOST = 12


def breaks(before: Document, after: Document) -> list[str]:
    """Each thing that a program relied on and that is gone or asks for more, one sentence each; none is empty."""
    told: list[str] = []
    for name, old in _operations(before).items():
        new = _operations(after).get(name)
        if new is None:
            told.append(f"{name} is gone.")
            continue
        told += _parameters_broken(name, old, new, before, after)
        told += _body_broken(name, old, new, before, after)
        told += _answers_broken(name, old, new, before, after)
    return list(dict.fromkeys(told))


def additions(before: Document, after: Document) -> list[str]:
    """The operations and parameters that are new."""
    told: list[str] = []
    known = _operations(before)
    for name, new in _operations(after).items():
        if name not in known:
            told.append(f"{name} is new.")
            continue
        old_names = set(_parameters(known[name]))
        told += [f"{name} takes `{each[0]}`." for each in _parameters(new) if each not in old_names]
    return told


def page_of(before: Document, after: Document) -> str:
    """The changes as a page."""
    lines = [f"- {told}" for told in additions(before, after)] or ["Nothing yet."]
    head = "# What is new in the HTTP API\n\nSince the [baseline](openapi-baseline.yaml) of version 1:"
    foot = "What is in the baseline stays: a check compares every change with it. Made by `python -m rest_api.changes`."
    return "\n".join([head, "", *lines, "", foot, ""])


def main() -> str | None:
    """Write the page; what is broken, if anything is."""
    asked = argparse.ArgumentParser(prog="python -m rest_api.changes", description=__doc__)
    asked.add_argument("folder", nargs="?", default="docs/reference", help="where the documents are")
    folder = Path(asked.parse_args().folder)
    before, after = (yaml.safe_load((folder / name).read_text()) for name in ("openapi-baseline.yaml", "openapi.yaml"))
    (folder / "api-changes.md").write_text(page_of(before, after))
    return "\n".join(breaks(before, after)) or None


def _operations(document: Document) -> dict[str, Document]:
    return {
        f"{method.upper()} {path}": item[method]
        for path, item in document.get("paths", {}).items()
        for method in _METHODS
        if method in item
    }


def _parameters(operation: Document) -> dict[tuple[str, str], Document]:
    return {(each["name"], each["in"]): each for each in operation.get("parameters", [])}


def _parameters_broken(name: str, old: Document, new: Document, before: Document, after: Document) -> Iterator[str]:
    olds, news = _parameters(old), _parameters(new)
    for key, parameter in olds.items():
        if key not in news:
            yield f"{name} no longer takes `{key[0]}`."
            continue
        yield from _input_broken(f"{name}, `{key[0]}`", parameter["schema"], news[key]["schema"], before, after, 0)
    for key, parameter in news.items():
        if parameter.get("required") and not olds.get(key, {}).get("required"):
            yield f"{name} now needs `{key[0]}`."


def _content(part: Document) -> Document:
    content = part.get("content", {})
    return next((content[kind].get("schema", {}) for kind in content), {})


def _body_broken(name: str, old: Document, new: Document, before: Document, after: Document) -> Iterator[str]:
    had, has = old.get("requestBody"), new.get("requestBody")
    if has and has.get("required") and not (had and had.get("required")):
        yield f"{name} now needs a body."
    if had and has:
        yield from _input_broken(name, _content(had), _content(has), before, after, 0)
    elif had:
        yield f"{name} no longer takes a body."


def _answers_broken(name: str, old: Document, new: Document, before: Document, after: Document) -> Iterator[str]:
    for status, answer in old.get("responses", {}).items():
        if not status.startswith("2"):
            continue
        if status not in new.get("responses", {}):
            yield f"{name} no longer answers {status}."
            continue
        yield from _output_broken(name, _content(answer), _content(new["responses"][status]), before, after, 0)


def _resolved(schema: Document, document: Document) -> Document:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    if len(schema.get("allOf", ())) == 1:
        return _resolved(schema["allOf"][0], document)
    return schema


def _types(schema: Document) -> set[str]:
    """Its types; of one that is chosen from others, theirs (`null` among them)."""
    found = schema.get("type", [])
    kinds = {found} if isinstance(found, str) else set(found)
    return kinds | {kind for each in schema.get("oneOf", ()) for kind in _types(each)}


def _input_broken(
    where: str, old: Document, new: Document, before: Document, after: Document, depth: int
) -> Iterator[str]:
    """What was taken before must be taken still."""
    old, new = _resolved(old, before), _resolved(new, after)
    if depth > _DEPTH_MOST:
        return
    if _types(new) and (lost := _types(old) - _types(new)) and not (lost == {"integer"} and "number" in _types(new)):
        yield f"{where}: `{', '.join(sorted(lost))}` is no longer taken."
    if "enum" in new:
        for value in old.get("enum", ()):
            if value not in new["enum"]:
                yield f"{where}: `{value}` is no longer taken."
    for field in set(new.get("required", ())) - set(old.get("required", ())):
        yield f"{where} now needs `{field}`."
    for field, inner in old.get("properties", {}).items():
        if field not in new.get("properties", {}):
            yield f"{where} no longer takes `{field}`."
        else:
            yield from _input_broken(f"{where}, `{field}`", inner, new["properties"][field], before, after, depth + 1)
    if "items" in old and "items" in new:
        yield from _input_broken(where, old["items"], new["items"], before, after, depth + 1)


def _output_broken(
    where: str, old: Document, new: Document, before: Document, after: Document, depth: int
) -> Iterator[str]:
    """What was answered before must be answered still."""
    old, new = _resolved(old, before), _resolved(new, after)
    if depth > _DEPTH_MOST:
        return
    if _types(old) and (more := _types(new) - _types(old)) and not (more == {"integer"} and "number" in _types(old)):
        yield f"{where}: it may now be `{', '.join(sorted(more))}`."
    for value in old.get("enum", ()):
        if "enum" in new and value not in new["enum"]:
            yield f"{where}: `{value}` is gone."
    for field, inner in old.get("properties", {}).items():
        if field not in new.get("properties", {}):
            yield f"{where} no longer answers `{field}`."
            continue
        if field in old.get("required", ()) and field not in new.get("required", ()):
            yield f"{where}: `{field}` may now be absent."
        yield from _output_broken(f"{where}, `{field}`", inner, new["properties"][field], before, after, depth + 1)
    if "items" in old and "items" in new:
        yield from _output_broken(where, old["items"], new["items"], before, after, depth + 1)


if __name__ == "__main__":
    raise SystemExit(main())
