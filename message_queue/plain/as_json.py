"""Encoding typed values as JSON, and decoding them."""

import json
import math
import re
from typing import Any

from message_queue.plain.kinds import DecodeError, TooBig, check_of
from message_queue.plain.values import to_builtins

#: Escaped surrogates: halves of characters above 16 bits, invalid on their own.
_SURROGATE = re.compile(r"\\u[dD][89abAB-DdEeFf]")


def encode(obj: Any) -> bytes:
    """The value as JSON; NaN and infinities become null."""
    plain = to_builtins(obj)
    try:
        text = json.dumps(plain, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except ValueError:
        text = json.dumps(_without_nan(plain), separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def decode(buf: bytes | str, *, type: Any = Any) -> Any:  # noqa: A002 - the library's name
    """Decode JSON as this type. Raises `DecodeError`, or RecursionError if nested too deeply."""
    try:
        text = buf if isinstance(buf, str) else bytes(buf).decode()
    except UnicodeDecodeError as error:
        raise DecodeError(f"JSON is malformed: invalid character (byte {error.start})") from error
    if not text.strip(" \t\r\n"):
        raise DecodeError("Input data was truncated")
    try:
        plain = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise DecodeError(f"JSON is malformed: {error.msg[:1].lower()}{error.msg[1:]} (byte {error.pos})") from error
    except ValueError as error:
        raise DecodeError(f"JSON is malformed: {error}") from error
    if _SURROGATE.search(text):
        try:
            json.dumps(plain, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise DecodeError("JSON is malformed: half of a pair of escapes") from error
    return check_of(type, lax=False)(plain, "$")


class Encoder:
    """Encodes values."""

    def encode(self, obj: Any) -> bytes:
        """The value as JSON."""
        return encode(obj)


class Decoder:
    """Decodes values of one type."""

    def __init__(self, type: Any = Any) -> None:  # noqa: A002 - the library's name
        self._type = type

    @classmethod
    def __class_getitem__(cls, _of: Any) -> Any:
        return cls

    def decode(self, buf: bytes | str) -> Any:
        """Decode JSON as the type of this decoder."""
        return decode(buf, type=self._type)


def _float(text: str) -> float:
    value = float(text)
    return TooBig(value) if math.isinf(value) else value


def _constant(name: str) -> Any:
    raise DecodeError(f"JSON is malformed: {name} is no number")


def _without_nan(plain: Any) -> Any:
    if isinstance(plain, dict):
        return {key: _without_nan(value) for key, value in plain.items()}
    if isinstance(plain, list):
        return [_without_nan(each) for each in plain]
    return None if isinstance(plain, float) and not math.isfinite(plain) else plain


_DECODER = json.JSONDecoder(parse_float=_float, parse_constant=_constant)
