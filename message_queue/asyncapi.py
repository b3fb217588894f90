"""The wire as an AsyncAPI 3 document, generated from the contracts.

Specification: https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

import inspect
from collections.abc import Iterable
from typing import Any

import msgspec

from message_queue.contracts import contracts
from message_queue.contracts.commands import command_contracts
from message_queue.contracts.commands.base import CommandMessage, Withdrawal
from message_queue.pieces import ASK_KEY, FILES_QUEUE, PIECE_KEY, PIECE_MOST, UploadAnswer, UploadAsked

_REFERENCE = "#/components/schemas/{name}"

_HEADERS = {
    "type": "object",
    "properties": {
        "v": {"type": "integer", "minimum": 1, "description": "Version of the kind. Default: 1."},
        "stream": {"type": "string", "maxLength": 64, "description": "Name of the stream: one life of the outbox."},
        "seq": {"type": "integer", "minimum": 1, "description": "Sequence number of the message in its stream."},
        "oldest": {"type": "integer", "description": "Lowest sequence number still on the station."},
        "next": {"type": "integer", "description": "Sequence number that the station will assign next."},
    },
}
_PIECE_HEADERS = {
    "type": "object",
    "required": ["upload", "offset"],
    "properties": {
        "upload": {"type": "string", "maxLength": 64, "description": "Id of the upload, from an answer."},
        "offset": {"type": "integer", "minimum": 0, "description": "Where in the file the bytes belong."},
        "turn": {"type": "integer", "minimum": 0, "description": "That of the announcement; the answer repeats it."},
    },
}


def document() -> dict[str, Any]:
    """The whole document as plain Python values."""
    kinds, commands = contracts(), command_contracts()
    orders = [CommandMessage, Withdrawal, UploadAsked, UploadAnswer]
    types = [c.body for c in kinds.values()] + orders + [c.parameters for c in commands.values()]
    schemas, components = _dedented(msgspec.json.schema_components(types, ref_template=_REFERENCE))
    by_kind = dict(zip(kinds, schemas, strict=False))
    messages = {
        kind: _message(kind, contract.summary, contract.content_type, by_kind[kind], _HEADERS)
        for kind, contract in kinds.items()
    }
    summary = "A command to one station; `name` determines its parameters."
    messages["command"] = _message("command", summary, "application/json", schemas[len(kinds)])
    summary = "A command to the station was cancelled and must no longer be run."
    messages["withdrawal"] = _message("withdrawal", summary, "application/json", schemas[len(kinds) + 1])
    messages |= _files(schemas[len(kinds) + 2], schemas[len(kinds) + 3])
    parameters = dict(zip(commands, schemas[len(kinds) + len(orders) :], strict=True))
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Roost wire", "version": "1", "description": "Messages between stations and server."},
        "channels": _channels(kinds),
        "operations": {
            "publish": {"action": "receive", "channel": {"$ref": "#/channels/inbound"}},
            "command": {"action": "send", "channel": {"$ref": "#/channels/commands"}},
            "answer": {"action": "send", "channel": {"$ref": "#/channels/answers"}},
        },
        "components": {"messages": messages, "schemas": components},
        "x-commands": {
            name: {
                "label": command.label,
                "explanation": command.explanation,
                "danger": command.danger,
                "defaultExpirySeconds": command.default_expiry,
                "role": command.role,
                "parameters": parameters[name],
            }
            for name, command in commands.items()
        },
        "x-lanes": {
            **{kind: contract.lane.value for kind, contract in kinds.items()},
            **dict.fromkeys((ASK_KEY, PIECE_KEY), FILES_QUEUE),
        },
    }


def _dedented(value: Any) -> Any:
    """Remove indentation from docstrings, as Python 3.13 does; older versions keep it."""
    if isinstance(value, dict):
        return {
            name: inspect.cleandoc(each) if name == "description" and isinstance(each, str) else _dedented(each)
            for name, each in value.items()
        }
    return [_dedented(each) for each in value] if isinstance(value, list | tuple) else value


def _message(
    name: str, title: str, content_type: str, payload: dict[str, Any], headers: dict[str, Any] | None = None
) -> dict[str, Any]:
    message = {"name": name, "title": title, "contentType": content_type, "payload": payload}
    return message if headers is None else {**message, "headers": headers}


def _files(asked: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    """The messages for files over AMQP, which are not kinds."""
    octets, body = "application/octet-stream", {"type": "string", "format": "binary", "maxLength": PIECE_MOST}
    return {
        ASK_KEY: _message(ASK_KEY, "A file that the station is about to send.", "application/json", asked),
        PIECE_KEY: _message(PIECE_KEY, "Bytes of an announced file.", octets, body, _PIECE_HEADERS),
        "upload.answer": _message("upload.answer", "How far an upload is.", "application/json", answer),
    }


def _channels(kinds: Iterable[str]) -> dict[str, Any]:
    return {
        "inbound": {
            "address": "in.{serial}",
            "description": "Fanout exchange of one station. The routing key is the message kind.",
            "parameters": {"serial": {"description": "Serial of the station: letters, digits, - and _."}},
            "messages": {kind: {"$ref": f"#/components/messages/{kind}"} for kind in (*kinds, ASK_KEY, PIECE_KEY)},
        },
        "answers": {
            "address": None,
            "description": "The address in `reply_to` of the message that is answered: RabbitMQ's direct reply-to.",
            "messages": {"upload.answer": {"$ref": "#/components/messages/upload.answer"}},
        },
        "commands": {
            "address": "cmd.{serial}",
            "description": "Queue of one station.",
            "parameters": {"serial": {"description": "Serial of the station."}},
            "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in ("command", "withdrawal")},
        },
    }
