"""Markdown as harmless HTML: no HTML tags in the text, no pictures from other sites, links only to pages and mail."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from markdown_it import MarkdownIt
from markdown_it.token import Token

#: Addresses that become links: on the web, of mail, or on this site. All others stay text.
_LINK = re.compile(r"https?:|mailto:|[^:/?#]*(?:[/?#]|\Z)", re.IGNORECASE)
_ELSEWHERE = re.compile(r"[a-z]+:|//", re.IGNORECASE)
#: A link to another page of the organization: pages/field-work.
_PAGE = re.compile(r"pages/([a-z0-9-]{1,60})(#.*)?\Z")
_HEADING_LAST = 6


@dataclass(frozen=True, slots=True)
class PictureLinks:
    """Addresses of a picture: the small one, which is shown, and the whole one, which a click opens."""

    small: str
    whole: str


class _Reader(MarkdownIt):
    """CommonMark with tables and without HTML."""

    def validateLink(self, url: str) -> bool:  # noqa: N802 - the library's name
        """Whether an address becomes a link: the library's own rule only knows a list of forbidden ones."""
        return _LINK.match(url) is not None


class MarkdownText:
    """A text that is parsed once, then asked for the pictures and pages that it names, and rendered."""

    def __init__(self, text: str) -> None:
        self._tokens = _reader(has_pictures=True).parse(text)

    def picture_names(self) -> list[str]:
        """The pictures that it names, each once, in their order."""
        return list(dict.fromkeys(_name_of(token) for token in self._inner() if token.type == "image"))

    def page_names(self) -> set[str]:
        """The pages of the organization to which it links."""
        hrefs = (str(token.attrGet("href")) for token in self._inner() if token.type == "link_open")
        return {match[1] for href in hrefs if (match := _PAGE.match(href))}

    def html(self, *, pictures: Mapping[str, PictureLinks], pages: Mapping[str, str], below: int) -> SafeString:
        """Render the HTML, once only. `pages`: addresses by name. `below`: level of the heading above the text."""
        for token in self._tokens:
            if token.type in ("heading_open", "heading_close"):
                token.tag = f"h{min(int(token.tag[1:]) + below, _HEADING_LAST)}"
            if token.children:
                token.children = list(_shown(token.children, pictures, pages))
        return _html(self._tokens)

    def _inner(self) -> Iterator[Token]:
        for token in self._tokens:
            yield from token.children or ()


def markdown_html(text: str) -> SafeString:
    """The HTML of a text on its own, such as a stored file, without pictures."""
    return _html(_reader(has_pictures=False).parse(text))


def _html(tokens: list[Token]) -> SafeString:
    reader = _reader(has_pictures=True)
    html: str = reader.renderer.render(list(_framed(tokens)), reader.options, {})
    return mark_safe(html)  # noqa: S308 - the reader escapes all HTML; what is put in here is escaped too


def _framed(tokens: list[Token]) -> Iterator[Token]:
    """The tokens without inline styles, each table in a frame that scrolls sideways on a phone."""
    for token in tokens:
        if "text-align:right" in str(token.attrs.pop("style", "")):
            token.attrSet("class", "number")
        if token.type == "table_open":
            yield Token("html_block", "", 0, content='<div class="scroll">')
        yield token
        if token.type == "table_close":
            yield Token("html_block", "", 0, content="</div>")


def _shown(tokens: list[Token], pictures: Mapping[str, PictureLinks], pages: Mapping[str, str]) -> Iterator[Token]:
    """The tokens with pictures as HTML and links resolved."""
    # Whether the link that is open now stays a link. Markdown has no links within links.
    is_link = False
    for token in tokens:
        if token.type == "link_open":
            is_link = _link_set(token, pages)
        elif token.type == "link_close":
            token.tag = "a" if is_link else "span"
            is_link = False
        elif token.type == "image":
            content = _picture(token, pictures.get(_name_of(token)), is_linked=not is_link)
            yield Token("html_inline", "", 0, content=content)
            continue
        yield token


def _link_set(token: Token, pages: Mapping[str, str]) -> bool:
    """Give a link to a page its address on this site, or remove the link if there is no such page."""
    href = str(token.attrGet("href") or "")
    if match := _PAGE.match(href):
        address = pages.get(match[1])
        token.attrs = {"href": address + (match[2] or "")} if address else {}
        token.tag = "a" if address else "span"
        return bool(address)
    if _ELSEWHERE.match(href):
        token.attrSet("rel", "nofollow noopener ugc")
    return True


def _picture(token: Token, links: PictureLinks | None, *, is_linked: bool) -> SafeString:
    words = token.content.strip()
    if links is None:
        told = _("[A picture that is not shown here: %(words)s]") % {"words": words or _name_of(token)}
        return format_html('<span class="hint">{}</span>', told)
    shown = format_html('<img src="{}" alt="{}" loading="lazy">', links.small, words)
    return format_html('<a href="{}">{}</a>', links.whole, shown) if is_linked else shown


def _name_of(token: Token) -> str:
    return unquote(str(token.attrGet("src") or ""))


@lru_cache(maxsize=2)
def _reader(*, has_pictures: bool) -> MarkdownIt:
    reader = _Reader("commonmark", {"html": False}).enable("table")
    return reader if has_pictures else reader.disable("image")
