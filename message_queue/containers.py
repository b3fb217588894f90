"""Types inside other types: the list, dict or struct that a contract's field may hold."""

from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec


def container_of(kind: Any) -> Any:
    """The list, dict or struct in a type, without its bounds and without an alternative None."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in (Union, UnionType):
        for each in get_args(kind):
            inner = container_of(each)
            if get_origin(inner) in (list, dict) or is_struct(inner):
                return inner
    return kind


def is_struct(kind: Any) -> bool:
    """Whether a type is a struct."""
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)
