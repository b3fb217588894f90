"""Orders to stations are the bytes that they have always been, and an agent reads them in whatever order of fields."""

import json
from pathlib import Path

import pytest

from message_queue.contracts.commands.base import CommandMessage, command_encode, order_decode, withdrawal_encode

ORDERS = sorted((Path(__file__).parent.parent / "wire_samples" / "orders").glob("*.json"))


@pytest.mark.parametrize("path", ORDERS, ids=lambda path: path.stem)
def test_an_order_is_written_as_it_was_read(path):
    raw = path.read_bytes()
    order = order_decode(raw)
    assert (command_encode if isinstance(order, CommandMessage) else withdrawal_encode)(order) == raw


@pytest.mark.parametrize("path", ORDERS, ids=lambda path: path.stem)
def test_the_order_of_the_fields_does_not_matter(path):
    fields = json.loads(path.read_bytes())
    turned = json.dumps(dict(reversed(fields.items())), indent=1).encode()
    assert order_decode(turned) == order_decode(path.read_bytes())
