"""Components of pages as template tags. `docs/reference/components.md` shows each of them."""

from typing import Any

from django import template
from django.forms import BaseForm
from django.forms.boundfield import BoundField
from django.forms.utils import flatatt
from django.template import Context
from django.template.loader import render_to_string
from django.template.loader_tags import BLOCK_CONTEXT_KEY
from django.templatetags.static import static
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString

Text = str | Promise

register = template.Library()


def _trimmed(content: str) -> SafeString:
    """A rendered template without the blanks at both ends."""
    return SafeString(content.strip())


@register.simple_tag
def icon(name: str, kind: str = "i") -> SafeString:
    """A drawing from the sprite. Screen readers skip it, because words always stand beside it."""
    return format_html('<svg class="{}" aria-hidden="true"><use href="{}#{}"/></svg>', kind, static("sprite.svg"), name)


@register.simple_block_tag
def section(content: str, name: str, heading: Text, kind: str = "", *, anchor: str = "", role: str = "") -> SafeString:
    """A part of a page on a card, under a heading, which has the id `name`. The kind `open` has no card."""
    classes = kind if kind.startswith("open") else f"card part {kind}".strip()
    attributes = {"aria-labelledby": name, "class": classes, "id": anchor or None, "role": role or None}
    return format_html(
        '<section{}><h2 id="{}">{}</h2>{}</section>', flatatt(attributes), name, heading, _trimmed(content)
    )


@register.simple_block_tag
def setting(content: str, name: str, heading: Text, hint: Text = "") -> SafeString:
    """A part of a settings page: its heading and hint on one side, its fields on the other."""
    said = format_html('<p class="hint">{}</p>', hint) if hint else ""
    return format_html(
        '<section class="sec" aria-labelledby="{0}"><div><h2 id="{0}">{1}</h2>{2}</div><div class="stack">{3}</div></section>',
        name,
        heading,
        said,
        _trimmed(content),
    )


@register.simple_block_tag
def table(
    content: str,
    kind: str = "cards",
    *,
    frame: str = "",
    name: str = "",
    labelled_by: str = "",
    start: str | None = None,
    end: str | None = None,
) -> SafeString:
    """A table. `frame` lets it scroll: `scroll`, or `tall`, which also scrolls by keyboard and needs `labelled_by`.

    `start` and `end` are the period of a chart drawn from it.
    """
    attributes = {
        "class": kind or None,
        "id": name or None,
        "aria-labelledby": labelled_by or None,
        "data-from": start,
        "data-to": end,
    }
    shown = format_html("<table{}>{}</table>", flatatt(attributes), _trimmed(content))
    if not frame:
        return shown
    # A group, not a region: its section is already a region with the same heading.
    reached = {"tabindex": "0", "role": "group", "aria-labelledby": labelled_by} if frame == "tall" else {}
    return format_html("<div{}>{}</div>", flatatt({"class": frame, **reached}), shown)


@register.simple_tag
def column(label: Text, kind: str = "") -> SafeString:
    """The head of a column; the kind `number` aligns right."""
    return format_html("<th{}>{}</th>", flatatt({"scope": "col", "class": kind or None}), label)


@register.simple_block_tag
def cell(content: str, label: Text, kind: str = "", *, title: str | None = None, span: int | None = None) -> SafeString:
    """A cell of a table. On a phone its label stands before it, and an empty cell is left out."""
    classes = kind if content.strip() else f"{kind} empty".strip()
    attributes = {"class": classes or None, "data-label": label, "title": title, "colspan": span}
    return format_html("<td{}>{}</td>", flatatt(attributes), _trimmed(content))


@register.simple_block_tag
def fact(content: str, label: Text) -> SafeString:
    """One name and value in `<dl class="kv">`, a line each, or in `<dl class="facts">`, side by side."""
    return format_html("<div><dt>{}</dt><dd>{}</dd></div>", label, _trimmed(content))


@register.simple_block_tag
def field(content: str, control: str, label: Text, kind: str = "") -> SafeString:
    """A label and its one control, which has the id `control`. Django's forms render their own fields."""
    classes = f"f {kind}".strip()
    return format_html('<div class="{}"><label for="{}">{}</label>{}</div>', classes, control, label, _trimmed(content))


@register.filter
def verdict(sentence: Text) -> SafeString:
    """A text whose first sentence, the state, is bold."""
    state, end, reason = str(sentence).partition(". ")
    return format_html("<b>{}{}</b> {}", state, end.strip(), reason)


@register.filter
def wrong_fields(form: BaseForm) -> list[BoundField]:
    """The visible fields with errors."""
    return [field for field in form.visible_fields() if field.errors]


@register.simple_block_tag
def empty_state(content: str) -> SafeString:
    """A sentence that says what is missing where a list would stand, and what to do."""
    return format_html('<p class="dim">{}</p>', _trimmed(content))


@register.simple_block_tag
def totals(content: str, name: Text) -> SafeString:
    """A row of links that filter a list, each a `total`; `name` says what they filter by."""
    return format_html('<nav class="filters" aria-label="{}">{}</nav>', name, _trimmed(content))


@register.simple_block_tag
def total(content: str, address: str, value: object, chosen: object) -> SafeString:
    """One filter; it is the current one if its value is the chosen one."""
    attributes = flatatt({"href": address, "aria-current": "true" if value == chosen else None})
    return format_html("<a{}>{}</a>", attributes, _trimmed(content))


@register.simple_block_tag
def fold(content: str, verb: Text) -> SafeString:
    """Something dangerous or rare that opens on request."""
    return format_html('<details class="ask"><summary>{}</summary>{}</details>', verb, _trimmed(content))


@register.simple_tag
def mark(sign: str, word: Text, is_bad: bool = False) -> SafeString:  # noqa: FBT001, FBT002 - an argument in a template
    """A small remark: a shape and a word. `sign` is the name of an icon; any other sign becomes the triangle."""
    name = sign if sign.isascii() and sign.isalpha() else "check"
    return format_html('<span class="st note {}">{}{}</span>', "check" if is_bad else "dim", icon(name), word)


@register.simple_tag(takes_context=True)
def block_again(context: Context, name: str) -> SafeString:
    """The content of one of the page's blocks again, such as the title as a heading."""
    content: SafeString = context.render_context[BLOCK_CONTEXT_KEY].get_block(name).nodelist.render(context)
    return content


@register.simple_tag
def station_link(station: Any, *, page: str = "station", prefix: str = "", strong: bool = False) -> SafeString:
    """A station's name as a link to one of its pages, with the serial beside it."""
    attributes = {"href": reverse(page, args=[station.serial]), "id": f"{prefix}{station.serial}" if prefix else None}
    name = format_html("<b>{}</b>", station.name or station.serial) if strong else station.name or station.serial
    link = format_html("<a{}>{}</a>", flatatt(attributes), name)
    return format_html('{} <span class="serial">{}</span>', link, station.serial) if station.name else link


_SIGNS = {
    "c0": '<rect class="c0" y="4" width="12" height="2"/>',
    "zz": '<rect class="zz" y="4" width="12" height="2"/>',
    "command": '<path class="mk" d="M6 0 10.5 5 6 10 1.5 5z"/>',
    "restart": '<path class="mk" d="M6 1 10.5 9.5h-9z"/>',
    "deployment": '<path class="mk" d="M3 0h7L8 2.7l2 2.7H4V10H3z"/>',
}


@register.simple_tag
def strip_sign(kind: str) -> SafeString:
    """The sign of one kind of piece or mark in the legend of a station's spine."""
    shape = SafeString(_SIGNS.get(kind, "")) or format_html('<rect class="{}" width="12" height="10"/>', kind)
    return format_html('<svg width="12" height="10" viewBox="0 0 12 10" aria-hidden="true">{}</svg>', shape)


@register.inclusion_tag("sg_status/components/post_form.html")
def post_form(
    form: BaseForm | None,
    verb: Text,
    kind: str = "",
    *,
    action: str = "",
    part: str = "",
    back: str = "",
    keep: Text = "",
) -> dict[str, Any]:
    """A whole form: its fields, one button, and a link `back` that is called `keep`."""
    return {"form": form, "verb": verb, "kind": kind, "action": action, "part": part, "back": back, "keep": keep}


@register.inclusion_tag("sg_status/components/post_button.html")
def post_button(verb: Text, action: str, kind: str = "", *, form_kind: str = "") -> dict[str, Any]:
    """A button that acts at once."""
    return {"verb": verb, "action": action, "kind": kind, "form_kind": form_kind}


@register.simple_block_tag(takes_context=True)
def ask_first(context: Context, content: str, verb: Text, action: str) -> SafeString:
    """A dangerous button behind a fold that says what happens."""
    shown = {"verb": verb, "action": action, "goes": _trimmed(content), "csrf_token": context.get("csrf_token")}
    return render_to_string("sg_status/components/ask_first.html", shown)
