"""A card of sixty files of all kinds: good, damaged, from another station, unknown, growing."""

import bz2
import gzip
import io
import lzma
import os
import random
import struct
import zipfile
import zlib
from pathlib import Path

from agent.test_sensorgnome_source import old, pulse

OWN = "7F5ERPI46977"
TODAY, TOMORROW = "2021-12-16", "2021-12-17"
NAME = "sgv2-{serial}-003-2021-12-{day:02d}T{hour:02d}-25-01.6590Z-{source}.txt"


def name_of(hour, *, day=16, serial=OWN, source="all"):
    return NAME.format(serial=serial, day=day, hour=hour, source=source)


def text_of(hour, count=40, *, day=16, ports=(3, 1)):
    """Pulses, tags, a position and a clock line, with different values for each hour."""
    rng = random.Random(day * 100 + hour)
    base = 1639612800 + (day - 16) * 86_400 + hour * 3_600
    lines = [f"C,{base}.301,2,0\n", f"G,{base + ports[0]},44.{hour:02d},-64.2,22.4\n"]
    for n in range(count):
        lines.append(pulse(base + 2 + n * 1.7, port=ports[0], freq=round(rng.gauss(2, 1), 3)))
        if n % 5 == 0:
            lines.append(f"T{ports[1]},{base + 2 + n}.186,78664c33{n % 10:02d},-75\n")
    return "".join(lines).encode()


def tags_of(hour):
    """Content of the other radio's file."""
    return text_of(hour, 20, ports=(5, 2))


def lzip(text):
    """An lzip member, built as the lzip manual describes."""
    filters = [{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16, "lc": 3, "lp": 0, "pb": 2}]
    # LZMA_ALONE marks the end of its stream as lzip does; its 13-byte header is replaced by lzip's own.
    stream = lzma.compress(text, lzma.FORMAT_ALONE, filters=filters)[13:]
    head = b"LZIP\x01" + bytes([16])
    return head + stream + struct.pack("<IQQ", zlib.crc32(text), len(text), len(head) + len(stream) + 20)


def zipped(name, text):
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w") as file:
        file.writestr(name, text)
    return found.getvalue()


def cut_with_zeros(text):
    """A gzip whose second half was overwritten with zeros on the card."""
    packed = gzip.compress(text)
    return packed[: len(packed) // 2] + b"\x00" * (len(packed) - len(packed) // 2)


def good_files():
    """Files as stations write them, some compressed or named differently."""
    files = {}
    for day, hours in (("2021-12-16", range(8)), ("2021-12-15", range(6))):
        for hour in hours:
            number = int(day[-2:])
            files[f"{day}/{name_of(hour, day=number)}"] = text_of(hour, day=number)
    for hour in range(8):
        files[f"{TODAY}/{name_of(hour, source='ctt')}.gz"] = gzip.compress(tags_of(hour))
    files[f"{TODAY}/{name_of(8)}.bz2"] = bz2.compress(text_of(8))
    files[f"{TODAY}/{name_of(9)}.xz"] = lzma.compress(text_of(9))
    files[f"{TODAY}/{name_of(10)}.lz"] = lzip(text_of(10))
    files[f"{TODAY}/{name_of(11)}"] = gzip.compress(text_of(11))
    files[f"{TODAY}/{name_of(12)}.gz"] = bz2.compress(text_of(12))
    files[f"{TODAY}/{name_of(13).replace('.txt', '.TXT')}"] = text_of(13)
    files[f"{TODAY}/{name_of(14).replace('.txt', ' (1).txt')}"] = text_of(14)
    files[f"{TODAY}/{name_of(15).replace('Z-all', '-all')}"] = text_of(15)
    files[f"{TODAY}/{name_of(16).replace('sgv2', 'Höfn')}"] = text_of(16)
    files[f"{TODAY}/{name_of(17).replace('sgv2', 'line' + chr(10) + 'break')}"] = text_of(17)
    files[f"000176/{TODAY}/{name_of(18)}"] = text_of(18)
    files[f"{TODAY}/{name_of(19)}"] = b"\r\n".join(text_of(19).split(b"\n"))
    files[f"{TOMORROW}/{name_of(0)}"] = text_of(0)
    files[f"{TODAY}/{name_of(1).replace('.txt', ' (1).txt')}"] = text_of(1)
    files[f"{TODAY}/{name_of(2)}.gz"] = gzip.compress(text_of(2))
    return files


def damaged_files():
    """Files that were damaged in some way."""
    files = {}
    files[f"{TOMORROW}/{name_of(1, day=17)}.gz"] = cut_with_zeros(text_of(1, 600, day=17))
    files[f"{TOMORROW}/{name_of(2, day=17)}.gz"] = gzip.compress(text_of(2, 600, day=17))[:3_000]
    files[f"{TOMORROW}/{name_of(3, day=17)}.gz"] = text_of(3, day=17)
    files[f"{TOMORROW}/{name_of(4, day=17)}"] = b"\x00" * 5_000
    files[f"{TOMORROW}/{name_of(5, day=17)}"] = b"\x00" * 5_000 + text_of(5, day=17)
    files[f"{TOMORROW}/{name_of(6, day=17)}"] = (
        text_of(6, day=17) + b"p3,1639" + b"\x00" * 300 + text_of(6, day=17)[-40:]
    )
    files[f"{TOMORROW}/{name_of(7, day=17)}"] = text_of(7, day=17) + b"what is this?\n" + b"p3,16396"
    files[f"{TOMORROW}/{name_of(8, day=17)}"] = (
        b"G,1639700000,0.0,0.0,0\n" + b"x" * 100_000 + b"\n" + text_of(8, day=17)
    )
    flipped = bytearray(gzip.compress(text_of(9, 600, day=17)))
    flipped[len(flipped) // 2] ^= 0x10
    files[f"{TOMORROW}/{name_of(9, day=17)}.gz"] = bytes(flipped)
    files[f"{TOMORROW}/{name_of(10, day=17)}.xz"] = lzma.compress(text_of(10, 300, day=17))[:-200]
    files[f"{TOMORROW}/{name_of(11, day=17)}.gz"] = b""
    return files


def other_files():
    """Files from another station, and files that are no station's."""
    files = {}
    for hour in range(12, 15):
        files[f"{TOMORROW}/{name_of(hour, day=17, serial='8D21RPZ2778A')}"] = text_of(hour, day=17)
    files[f"{TOMORROW}/{name_of(15, day=17, serial=OWN.lower() + '_1')}"] = text_of(15, day=17)
    files["CTT-V30B0154CD0C-raw-data.2022-08-15_095039.csv.gz"] = gzip.compress(b"Time,RadioId\n")
    files["sg-7F5ERPI46977-lifetag.csv.gz"] = gzip.compress(b"a,b\n")
    files["SRX800_00123.DTA"] = b"lotek\n"
    files["day.zip"] = zipped(name_of(20), text_of(20))
    files[f"{TODAY}/{name_of(20)}.gz"] = zipped(name_of(20), text_of(20))
    files[f"{TODAY}/._{name_of(0)}"] = b"\x00\x05\x16\x07" + b"\x00" * 100
    files[".DS_Store"] = b"\x00" * 60
    files["notes.txt"] = b"antenna 3 points north\n"
    files["datafiles.json"] = b"{}"
    return files


def card_make(root: Path) -> dict[str, bytes]:
    """Write the card; return its contents by path."""
    files = good_files() | damaged_files() | other_files()
    for path, content in files.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        old(place)
    raw = os.fsencode(root / TODAY) + b"/H\xf6fn-7F5ERPI46977-003-2021-12-16T21-25-01.6590Z-ctt.txt"
    Path(os.fsdecode(raw)).write_bytes(text_of(21))
    old(Path(os.fsdecode(raw)))
    files[f"{TODAY}/H\\xf6fn-7F5ERPI46977-003-2021-12-16T21-25-01.6590Z-ctt.txt"] = text_of(21)
    return files
