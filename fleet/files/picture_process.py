"""Turn an upload into the two pictures that are kept. Runs as a separate process with limited memory.

Reads the upload from standard input, writes two JPEGs to the paths in its arguments, and prints what it made or why it
refused. It imports none of our code: it has no settings, no secrets and no database.
"""

import io
import json
import os
import resource
import sys
import warnings
from contextlib import suppress
from typing import Any

#: Bytes of memory and seconds of CPU time: a file that needs more is refused and cannot harm anything else.
MEMORY_MOST, SECONDS_MOST = 450_000_000, 20
#: Maximum pixels by format. A JPEG is decoded at about the size that is kept, but a progressive one is held in memory
#: whole until its end; the other formats are always decoded whole.
PIXELS_MOST = {"JPEG": 50_000_000, "progressive": 25_000_000, "PNG": 25_000_000, "WEBP": 16_000_000}
QUALITY = 85


def main(whole: str, small: str, whole_side: int, small_side: int) -> dict[str, Any]:
    """Convert within the limits. Returns `width` and `height`, or `refused` with one of `pixels` and `unread`."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MOST, MEMORY_MOST))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS_MOST, SECONDS_MOST))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Pages and the API have priority.
    os.nice(10)
    octets = sys.stdin.buffer.read()
    # Imported after the limits are set, so that they apply to everything it decodes.
    from PIL import Image, ImageOps  # noqa: PLC0415 - as above

    try:
        with warnings.catch_warnings():
            # The limits above apply; Pillow's own would only warn.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            opened = Image.open(io.BytesIO(octets), formats=("JPEG", "PNG", "WEBP"))
        most = PIXELS_MOST["progressive" if "progressive" in opened.info else str(opened.format)]
        if opened.width * opened.height > most:
            return {"refused": "pixels", "most": most}
        opened.draft("RGB", (whole_side, whole_side))
        # Shrink it before anything else: each further step would copy it at full size.
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
        # Which exception Pillow raises for an invalid file differs between formats.
        return {"refused": "unread"}
    return {"width": plain.width, "height": plain.height}


if __name__ == "__main__":
    with suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))
