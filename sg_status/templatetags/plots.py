"""The tag of the plot component. `docs/reference/components.md` shows it."""

from typing import Any, Final

from django import template
from django.template import Context
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from sg_status.plots.figure import Figure
from sg_status.plots.payload import figure_json
from sg_status.plots.svg import colour_of, figure_svg, year_svg

register = template.Library()


#: The signs of a legend: each a drawing of 14 by 10 pixels, and its words.
_SIGNS: Final[dict[str, tuple[str, Promise]]] = {
    "incident": ('<rect class="inc" width="14" height="10"/><rect class="incl" width="14" height="3"/>', _("incident")),
    "down": ('<path class="hatch" d="M0 10 10 0M5 10 14 1"/>', _("Roost was down")),
    "deployment": ('<path class="dep" d="M7 0v10"/>', _("new deployment")),
    "night": ('<rect class="bed" width="14" height="10"/>', _("night")),
    "doubted": ('<path class="sus" d="M7 0 12 9h-10z"/>', _("doubtful")),
    "late": ('<path class="l1 came" d="M7 5h0"/>', _("arrived late")),
}


@register.inclusion_tag("sg_status/components/plot.html")
def plot(figure: Figure) -> dict[str, Any]:
    """A plot, drawn by the server; where scripts run, the script draws it again in its place."""
    kinds: set[str] = {band.kind for band in figure.bands}
    kinds |= {"doubted"} if any(line.doubted for line in figure.lines) else set()
    kinds |= {"late"} if any(dot.is_late for line in figure.lines for dot in line.dots) else set()
    return {
        "figure": figure,
        "drawing": figure_svg(figure),
        "year": year_svg(figure),
        "data": figure_json(figure),
        "signs": [
            (format_html('<svg class="plot swatch" height="10" aria-hidden="true">{}</svg>', mark_safe(drawing)), words)  # noqa: S308 - constants
            for kind, (drawing, words) in _SIGNS.items()
            if kind in kinds
        ],
    }


@register.inclusion_tag("sg_status/components/line_sign.html")
def line_sign(place: int) -> dict[str, Any]:
    """The sign of a line in a legend; `place` is the index of the line in its figure."""
    colour, dash = colour_of(place)
    return {"look": f"l{colour}{dash}"}


@register.simple_tag(takes_context=True)
def keep_query(context: Context, *changed: str) -> SafeString:
    """The page's query as hidden fields of a form, except the fields that the form itself has or resets."""
    lists = context["request"].GET.lists()
    kept = [(name, value) for name, values in lists if name not in changed for value in values[:20]]
    return format_html_join("", '<input type="hidden" name="{}" value="{}">', kept)
