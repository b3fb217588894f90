"""How the server reads a message: strictly first; if that fails, whatever parts are good.

strict ─fits─▶ accepted, unknown fields kept
   └─fails──▶ field by field ─some parts fit─▶ accepted, unknown fields kept, with a note of what was left out
                                 └─nothing fits─▶ refused
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from message_queue.also_said import also_said
from message_queue.codec import Decoded, body_decode, body_unpack, decoded_of, envelope_read
from message_queue.contracts.base import Contract
from message_queue.errors import MessageRefused
from message_queue.salvage import salvage

#: Refusals after which a body may still have good parts.
_SALVAGED = frozenset({"bad-fields", "bad-json", "bad-text", "must-understand"})


def message_read(properties: Mapping[str, Any], routing_key: str, serial: str, raw: bytes) -> Decoded:
    """Read a message of the station `serial`; arguments as in `message_queue.codec.decode`. Raises `MessageRefused`."""
    envelope, contract = envelope_read(properties, routing_key, serial)
    plain = body_unpack(properties, raw)
    left_out, said = None, dict[str, Any]()
    try:
        body, said = _read_strictly(contract, plain)
    except MessageRefused as refused:
        if refused.reason not in _SALVAGED:
            raise
        body, left_out, parsed = salvage(contract, plain, refused)
        contract.check(body)
        # One bad field must not hide the unknown ones: they would count as no longer said.
        said = also_said(contract.body, parsed) if contract.keeps_unknown else {}
    message = decoded_of(envelope, contract, body, plain, serial)
    if left_out is None and not said:
        return message
    return msgspec.structs.replace(message, left_out=left_out, also_said=said)


def _read_strictly(contract: Contract, raw: bytes) -> tuple[Any, dict[str, Any]]:
    """The body and its unknown fields. One of the usual type has none and is decoded only once."""
    if contract.usual is not None:
        try:
            return body_decode(contract, raw, is_usual=True), {}
        except MessageRefused as refused:
            if refused.reason != "bad-fields":
                raise
    body = body_decode(contract, raw)
    return body, also_said(contract.body, raw) if contract.keeps_unknown else {}
