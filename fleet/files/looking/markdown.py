"""Markdown as HTML that can do nothing: no tags of its own, no pictures from elsewhere, links only to the web."""

from functools import lru_cache

from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt


def markdown_html(text: str) -> SafeString:
    """The HTML of a text."""
    html: str = _reader().render(text)
    return mark_safe(html)  # noqa: S308 - the reader escapes all HTML and refuses script addresses


@lru_cache(maxsize=1)
def _reader() -> MarkdownIt:
    # Without `html`, tags are text; the library's `validateLink` refuses javascript:, vbscript:, file: and data:.
    return MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
