"""The part of msgspec that Roost uses, in plain Python, for boards that have neither msgspec nor a compiler.

The contracts remain `msgspec.Struct` classes. Where the library is missing (there are no wheels for 32-bit ARM), this
package replaces it under its name and raises the same errors in the same words; tests compare the two. It is slower,
but a station writes only a few messages a minute. The server always has the library.
"""

import sys

from message_queue.plain import as_json as json
from message_queue.plain import structs
from message_queue.plain.kinds import DecodeError, EncodeError, MsgspecError, ValidationError
from message_queue.plain.structs import NODEFAULT, Meta, Struct, field
from message_queue.plain.values import convert, to_builtins

__version__ = "plain"
__all__ = [
    "NODEFAULT",
    "DecodeError",
    "EncodeError",
    "Meta",
    "MsgspecError",
    "Struct",
    "ValidationError",
    "convert",
    "field",
    "install",
    "json",
    "structs",
    "to_builtins",
]


def install() -> None:
    """Replace msgspec in this process."""
    sys.modules["msgspec"] = sys.modules[__name__]
    sys.modules["msgspec.json"] = json
    sys.modules["msgspec.structs"] = structs
