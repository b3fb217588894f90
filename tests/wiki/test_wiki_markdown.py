"""Markdown of pages: hostile text stays text, links lead where they may, and pictures are only those that were found."""

from html.parser import HTMLParser

import pytest
from browser.hostile_text import ALL, STRINGS

from fleet.files.looking.markdown import MarkdownText, PictureLinks, markdown_html

#: Elements and attributes that a text may become.
ELEMENTS = frozenset(
    ("p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "em", "strong", "code", "pre", "blockquote", "hr", "br", "a",
     "img", "span", "table", "thead", "tbody", "tr", "th", "td", "div")
)  # fmt: skip
ATTRIBUTES = frozenset({"href", "rel", "title", "src", "alt", "loading", "class", "start"})


class Read(HTMLParser):
    """The elements that a browser would find."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs) -> None:
        self.found.append((tag, dict(attrs)))

    def of(self, tag: str, attribute: str) -> list[str | None]:
        return [attributes.get(attribute) for name, attributes in self.found if name == tag]


def shown(text: str, pictures=(), pages=()) -> str:
    return MarkdownText(text).html(pictures=dict(pictures), pages=dict(pages), below=2)


@pytest.mark.parametrize(
    "around",
    ["{}", "[x]({})", "[x](<{}>)", "![{0}](photos/{0})", "<{}>", "[{0}]\n\n[{0}]: {0}", "| a |\n|---|\n| {} |"],
)
def test_hostile_text_becomes_nothing_that_acts(around):
    for text in (*STRINGS, ALL, "[x](java\tscript:y)", "[x](&#106;avascript:y)", "[x](\x01javascript:y)"):
        for html in (shown(around.format(text)), markdown_html(around.format(text))):
            for tag, attributes in Read(html).found:
                assert tag in ELEMENTS, html
                assert set(attributes) <= ATTRIBUTES, html
                address = attributes.get("href") or ""
                assert ":" not in address.partition("/")[0] or address.startswith(("http:", "https:", "mailto:")), html


def test_links_lead_to_the_web_to_mail_and_to_places_here():
    text = "[a](https://x.org/) [b](mailto:x@y.org) [c](#d) [d](/stations/) [e](ftp://x) [f](pages/known#p) [g](pages/none)"
    read = Read(shown(text, pages={"known": "/organizations/o/pages/known/"}))
    assert read.of("a", "href") == [
        "https://x.org/", "mailto:x@y.org", "#d", "/stations/", "/organizations/o/pages/known/#p",
    ]  # fmt: skip
    assert read.of("a", "rel")[0] == "nofollow noopener ugc"
    assert read.of("span", "href") == [None]
    assert MarkdownText(text).page_names() == {"known", "none"}


def test_a_picture_is_one_that_was_found_or_its_words():
    links = PictureLinks('/small"', "/whole")
    text = '![a "b" <i>](files/a%20b.jpg "t") ![far](https://x.example/y.png) [![in](files/a%20b.jpg)](pages/known)'
    read = MarkdownText(text)
    assert read.picture_names() == ["files/a b.jpg", "https://x.example/y.png"]
    html = read.html(pictures={"files/a b.jpg": links}, pages={"known": "/known/"}, below=1)
    found = Read(html)
    assert (found.of("img", "src"), found.of("img", "alt")) == (['/small"', '/small"'], ['a "b" <i>', "in"])
    assert found.of("a", "href") == ["/whole", "/known/"]
    assert "A picture that is not shown here: far" in html
    assert "x.example" not in html


def test_headings_stand_below_those_of_the_page_and_tables_in_a_frame():
    html = shown("# a\n\n##### b\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n")
    assert "<h3>a</h3>" in html
    assert "<h6>b</h6>" in html
    assert '<div class="scroll"><table>' in html
    # The site's policy forbids styles in attributes.
    assert ('<td class="number">2</td>' in html, "style=" in html) == (True, False)
