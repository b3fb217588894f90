"""A change that breaks a program written for an older API document is reported; other changes pass."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from rest_api.changes import additions, breaks, page_of

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
DOCUMENT: dict[str, Any] = {
    "paths": {
        "/things": {
            "post": {
                "parameters": [{"name": "q", "in": "query", "schema": {"type": "string"}}],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/In"}}}},
                "responses": {"201": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Out"}}}}},
            }
        }
    },
    "components": {
        "schemas": {
            "In": {"type": "object", "properties": {"kind": {"enum": ["a", "b"]}}, "required": ["kind"]},
            "Out": {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]},
        }
    },
}  # fmt: skip


def changed(change) -> dict[str, Any]:
    document = copy.deepcopy(DOCUMENT)
    change(document["paths"]["/things"]["post"], document["components"]["schemas"])
    return document


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda post, _: post["parameters"].clear(), "POST /things no longer takes `q`."),
        (lambda post, _: post["parameters"][0].update(required=True), "POST /things now needs `q`."),
        (lambda post, _: post["parameters"][0]["schema"].update(type="integer"), "POST /things, `q`: `string` is no"),
        (lambda post, _: post.pop("requestBody"), "POST /things no longer takes a body."),
        (lambda post, _: post["responses"].clear(), "POST /things no longer answers 201."),
        (
            lambda _, all_: all_["In"]["properties"]["kind"]["enum"].remove("b"),
            "POST /things, `kind`: `b` is no longer",
        ),
        (lambda _, all_: all_["In"]["required"].append("name"), "POST /things now needs `name`."),
        (lambda _, all_: all_["In"]["properties"].clear(), "POST /things no longer takes `kind`."),
        (lambda _, all_: all_["Out"]["properties"].clear(), "POST /things no longer answers `id`."),
        (lambda _, all_: all_["Out"]["required"].clear(), "POST /things: `id` may now be absent."),
        (lambda _, all_: all_["Out"]["properties"]["id"].update(type=["integer", "null"]), "may now be `null`"),
    ],
)
def test_what_breaks_is_named(change, told):
    found = breaks(DOCUMENT, changed(change))
    assert len(found) == 1
    assert told in found[0]


@pytest.mark.parametrize(
    "change",
    [
        lambda post, _: post["parameters"].append({"name": "new", "in": "query", "schema": {"type": "string"}}),
        lambda _, all_: all_["In"]["properties"].update(more={"type": "string"}),
        lambda _, all_: all_["In"]["properties"]["kind"]["enum"].append("c"),
        lambda _, all_: all_["Out"]["properties"].update(more={"type": "string"}),
    ],
)
def test_what_is_only_more_breaks_nothing(change):
    assert breaks(DOCUMENT, changed(change)) == []


def test_a_path_that_is_gone_breaks_and_a_new_one_is_told():
    gone = {**DOCUMENT, "paths": {}}
    assert breaks(DOCUMENT, gone) == ["POST /things is gone."]
    assert additions(gone, DOCUMENT) == ["POST /things is new."]


def test_the_api_breaks_nothing_that_was_promised():
    """The baseline is the document of the last release of version 1; it moves only with a release, never to hide a
    break.
    """
    before = yaml.safe_load((REFERENCE / "openapi-baseline.yaml").read_text())
    after = yaml.safe_load((REFERENCE / "openapi.yaml").read_text())
    assert breaks(before, after) == []
    assert (REFERENCE / "api-changes.md").read_text() == page_of(before, after)
