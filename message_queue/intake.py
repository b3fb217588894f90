"""How the server reads a message: strictly first; if that fails, whatever parts are good.

strict ─fits─▶ accepted, unknown fields kept
   └─fails──▶ field by field ─some parts fit─▶ accepted, with a note of what was left out
                                 └─nothing fits─▶ refused
"""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from message_queue.also_said import also_said
from message_queue.codec import (
    Decoded,
    body_decode,
    body_unpack,
    columns_check,
    decoded_of,
    envelope_read,
)
from message_queue.contracts.base import MAX_ROWS, Contract
from message_queue.contracts.readings import PlainRecord
from message_queue.errors import MessageRefused
from message_queue.salvage import salvage

#: Refusals after which a body may still have good parts.
_SALVAGED = frozenset({"bad-fields", "bad-json", "bad-text", "must-understand"})
#: Kinds whose unknown fields are kept, besides readings.
_SAID = frozenset({"hello", "health", "event"})
#: Reads nearly all packs. It accepts only plain numbers, so what it accepts has no unknown fields.
_PLAIN_PACK = msgspec.json.Decoder(Annotated[list[PlainRecord], Meta(min_length=1, max_length=MAX_ROWS)])


def message_read(properties: Mapping[str, Any], routing_key: str, serial: str, raw: bytes) -> Decoded:
    """Read a message of the station `serial`; arguments as in `message_queue.codec.decode`. Raises `MessageRefused`."""
    envelope, contract = envelope_read(properties, routing_key, serial)
    plain = body_unpack(properties, raw)
    left_out, said = None, dict[str, Any]()
    try:
        if contract.kind == "readings":
            body, said = _readings(contract, plain)
        else:
            body = body_decode(contract, plain)
            said = also_said(contract.body, plain) if contract.kind in _SAID else said
    except MessageRefused as refused:
        if refused.reason not in _SALVAGED:
            raise
        body, left_out = salvage(contract, plain, refused)
        columns_check(contract, body)
    message = decoded_of(envelope, contract, body, plain, serial)
    if left_out is None and not said:
        return message
    return msgspec.structs.replace(message, left_out=left_out, also_said=said)


def _readings(contract: Contract, raw: bytes) -> tuple[Any, dict[str, Any]]:
    """Decode a pack and collect its unknown fields. Packs of plain numbers, nearly all, are decoded only once."""
    try:
        return body_decode(contract, raw, _PLAIN_PACK), {}
    except MessageRefused as refused:
        if refused.reason != "bad-fields":
            raise
    return body_decode(contract, raw), also_said(contract.body, raw)
