"""Turns an upload into the two pictures that are kept. Run as a process of its own, which may take only so much memory.

Reads the upload from standard input, writes two JPEGs to the paths it is called with, and says on standard output what
it made or why it refused. It imports nothing of ours: it has no settings, no secrets and no database.
"""

import io
import json
import os
import resource
import sys
import warnings
from contextlib import suppress
from typing import Any

#: Octets of memory and seconds of computing: a file that wants more is refused, and costs nobody else anything.
MEMORY_MOST, SECONDS_MOST = 450_000_000, 20
#: Pixels by format. A JPEG is decoded at about the size that is kept, but for a progressive one, of which all is kept in
#: memory until its end; the others are decoded whole.
PIXELS_MOST = {"JPEG": 50_000_000, "progressive": 25_000_000, "PNG": 25_000_000, "WEBP": 16_000_000}
QUALITY = 85


def main(whole: str, small: str, whole_side: int, small_side: int) -> dict[str, Any]:
    """Do it within the bounds. The answer has `width` and `height`, or `refused` with one of `pixels` and `unread`."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MOST, MEMORY_MOST))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS_MOST, SECONDS_MOST))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Pages and the API come first.
    os.nice(10)
    octets = sys.stdin.buffer.read()
    # Loaded under the bound, as everything that it unpacks.
    from PIL import Image, ImageOps  # noqa: PLC0415 - as above

    try:
        with warnings.catch_warnings():
            # The bounds are ours; Pillow's own would only warn.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            opened = Image.open(io.BytesIO(octets), formats=("JPEG", "PNG", "WEBP"))
        most = PIXELS_MOST["progressive" if "progressive" in opened.info else str(opened.format)]
        if opened.width * opened.height > most:
            return {"refused": "pixels", "most": most}
        opened.draft("RGB", (whole_side, whole_side))
        # Made small before anything else is done with it: each further step would copy it whole.
        opened.thumbnail((whole_side, whole_side))
        upright = ImageOps.exif_transpose(opened)
        layer = upright.convert("RGBA")
        plain = Image.new("RGB", layer.size, "white")
        plain.paste(layer, mask=layer)
        plain.save(whole, "JPEG", quality=QUALITY, optimize=True)
        copy = plain.copy()
        copy.thumbnail((small_side, small_side))
        copy.save(small, "JPEG", quality=QUALITY, optimize=True)
    except (MemoryError, Image.DecompressionBombError):
        return {"refused": "pixels", "most": PIXELS_MOST["WEBP"]}
    except (OSError, ValueError, SyntaxError, TypeError, OverflowError, ArithmeticError, LookupError):
        # What Pillow raises for a file that is none differs from format to format.
        return {"refused": "unread"}
    return {"width": plain.width, "height": plain.height}


if __name__ == "__main__":
    with suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))
