"""Template tags for pages with something to type at a station: a block to copy, and a QR code."""

import qrcode
from django import template
from django.templatetags.static import static
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def copy_script() -> SafeString:
    """The script behind the buttons of `copy_block`, for the head of a page."""
    return format_html('<script src="{}" defer></script>', static("copy.js"))


@register.simple_tag
def copy_block(name: str, text: str, verb: str | Promise) -> SafeString:
    """A text to copy, with the id `name`. One click selects all of it; with scripts, a button copies it."""
    return format_html(
        '<pre class="all" tabindex="0" id="{0}"><code>{1}</code></pre>'
        '<p class="acts"><button type="button" class="btn" data-copy="{0}" hidden>{2}</button></p>',
        name,
        text,
        verb,
    )


@register.simple_tag
def qr(address: str, label: str | Promise) -> SafeString:
    """An address as a QR code, dark on light in either colour scheme."""
    code = qrcode.QRCode(border=4, error_correction=qrcode.constants.ERROR_CORRECT_L)
    code.add_data(address)
    rows = code.get_matrix()
    # One stroke for each run of dark modules: a third of the bytes of one square each.
    path = "".join(f"M{start} {y}.5h{end - start}" for y, row in enumerate(rows) for start, end in _runs(row))
    return format_html(
        '<svg class="qr" viewBox="0 0 {0} {0}" role="img" aria-label="{1}"><path d="{2}"/></svg>',
        len(rows),
        label,
        path,
    )


def _runs(row: list[bool]) -> list[tuple[int, int]]:
    """Start and end of each run of dark modules."""
    edges = [x for x, (before, here) in enumerate(zip([False, *row], [*row, False], strict=True)) if before != here]
    return list(zip(edges[::2], edges[1::2], strict=True))
