"""A status page as a badge: a small SVG for other people's pages, which loads nothing and needs no style sheet."""

from typing import Final

from django.utils.html import format_html

from fleet.status_pages.standing import UNKNOWN, Standing
from sg_status.status.words import badge_words

#: White on these is read easily; the shapes are those of the page.
_COLOURS: Final = {"ok": "#0a6b51", "trouble": "#b01f1a", UNKNOWN: "#4b5a70"}
_SHAPES: Final = {"ok": "●", "trouble": "○", UNKNOWN: "?"}
_TITLE_MOST: Final = 40
#: Usual width of a letter, and the space around a text, in pixels.
_LETTER: Final = 6.6
_SPACE: Final = 8


def badge_svg(standing: Standing) -> str:
    """The title at the left, and the state as shape and words at the right."""
    title = standing.page.title
    left = title if len(title) <= _TITLE_MOST else f"{title[: _TITLE_MOST - 1]}…"
    right = f"{_SHAPES[standing.state]} {badge_words(standing)}"
    left_wide, right_wide = (round(len(text) * _LETTER) for text in (left, right))
    middle = left_wide + 2 * _SPACE
    whole = middle + right_wide + 2 * _SPACE
    return format_html(
        '<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="20" role="img" aria-label="{said}">'
        "<title>{said}</title>"
        '<rect width="{whole}" height="20" rx="4" fill="#1d1c19"/>'
        '<path d="M{middle} 0h{bare}a4 4 0 0 1 4 4v12a4 4 0 0 1 -4 4h-{bare}z" fill="{colour}"/>'
        '<g fill="#fff" font-family="system-ui,Segoe UI,Roboto,sans-serif" font-size="12">'
        '<text x="{space}" y="14" textLength="{left_wide}" lengthAdjust="spacingAndGlyphs">{left}</text>'
        '<text x="{right_at}" y="14" textLength="{right_wide}" lengthAdjust="spacingAndGlyphs">{right}</text>'
        "</g></svg>",
        whole=whole,
        said=f"{title}: {badge_words(standing)}",
        middle=middle,
        bare=whole - middle - 4,
        colour=_COLOURS[standing.state],
        space=_SPACE,
        left_wide=left_wide,
        left=left,
        right_at=middle + _SPACE,
        right_wide=right_wide,
        right=right,
    )
