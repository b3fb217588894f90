"""Old samples of the wire stay readable forever: files in tests/wire_samples are added, never edited."""

import inspect
import json
from pathlib import Path

import msgspec
import pytest

from fleet.ingest.handlers import handlers
from message_queue import asyncapi, codec, generate
from message_queue.contracts import contracts

SAMPLES = sorted((Path(__file__).parent.parent / "wire_samples").glob("*.json"))


def read(path):
    sample = json.loads(path.read_text())
    raw = json.dumps(sample["body"]).encode()
    properties = {"type": sample["kind"], "application_headers": sample["headers"]}
    return sample, codec.decode(properties, sample["kind"], sample["serial"], raw)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda p: p.stem)
def test_a_sample_is_understood(path):
    sample, decoded = read(path)
    assert decoded.contract.kind == sample["kind"]
    assert (decoded.envelope.stream, decoded.envelope.seq) == ("0a1b", 7)
    assert (decoded.envelope.oldest, decoded.envelope.next) == (5, 9)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda p: p.stem)
def test_what_is_written_is_what_was_read(path):
    sample, decoded = read(path)
    raw, encoding = codec.encode(decoded.body)
    again = codec.decode(
        {"type": sample["kind"], "content_encoding": encoding or ""}, sample["kind"], sample["serial"], raw
    )
    assert again.body == decoded.body


def test_each_contract_has_its_handler_and_its_sample():
    assert set(contracts()) == set(handlers())
    assert set(contracts()) == {json.loads(path.read_text())["kind"] for path in SAMPLES}


def test_generated_files_are_up_to_date():
    for path, text in generate.generated().items():
        assert path.read_text("utf-8") == text, f"run python -m message_queue.generate: {path.name} is stale"


def test_the_asyncapi_document_names_every_kind_and_resolves():
    document = asyncapi.document()
    assert set(contracts()) < set(document["components"]["messages"])
    text = msgspec.json.encode(document).decode()
    names = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert names <= set(document["components"]["schemas"])


def test_the_asyncapi_document_is_the_same_on_every_python():
    """Up to 3.12 a docstring keeps the indentation of its source lines; from 3.13 on the compiler removes it."""

    def descriptions(value):
        if isinstance(value, dict):
            found = [each for name, each in value.items() if name == "description" and isinstance(each, str)]
            return found + [each for part in value.values() for each in descriptions(part)]
        return [each for part in value for each in descriptions(part)] if isinstance(value, list) else []

    found = descriptions(asyncapi.document())
    assert any("\n" in each for each in found)
    assert [each for each in found if each != inspect.cleandoc(each)] == []
