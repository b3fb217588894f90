"""What Roost uses of msgspec, in plain Python: for boards for which there is no msgspec and no compiler.

The contracts stay `msgspec.Struct` classes. Where that library is missing (32-bit ARM has no wheels of it), this package
stands in under its name, with the same refusals in the same words; tests hold one against the other. It is slower,
which a station does not notice: it writes a few messages a minute. The server always has the library.
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
    """Stand in for msgspec in this process."""
    sys.modules["msgspec"] = sys.modules[__name__]
    sys.modules["msgspec.json"] = json
    sys.modules["msgspec.structs"] = structs
