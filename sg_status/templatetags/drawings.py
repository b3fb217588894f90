"""Small drawings for lists of stations, each with its words: a week in hours, a battery, a bar on a scale."""

from typing import Final

from django import template
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from fleet.alerts.attention import fleet_state_word
from fleet.core.spoken import count_words
from fleet.stations.contact.hours import ASLEEP, DOWN, HEARD, LATER, MISSING, Hours
from fleet.telemetry.condition.batteries import BatteryWeek
from sg_status.shapes import STATES
from sg_status.templatetags.components import Text, icon

register = template.Library()

#: Class, top and height of each kind of hour; gaps are thin, so that they read without colour.
_HOURS: Final = {
    HEARD: ("c1", "2", "10"),
    LATER: ("c2", "2", "10"),
    MISSING: ("c0", "5.5", "3"),
    ASLEEP: ("bed", "6", "2"),
    DOWN: ("our", "2", "10"),
}
#: The word of each kind, for the legend of the strips.
HOUR_WORDS: Final[dict[str, Promise]] = {
    HEARD: gettext_lazy("received"),
    LATER: gettext_lazy("came later"),
    MISSING: gettext_lazy("missing"),
    ASLEEP: gettext_lazy("asleep by plan"),
    DOWN: gettext_lazy("Roost was down"),
}
#: Width and height of a battery's line, and the smallest range in volts that fills it: a steady battery looks steady.
_SPARK_WIDTH, _SPARK_HEIGHT, _SPARK_LEAST_V = 46.0, 14.0, 1.5


register.filter("fleet_state_word", fleet_state_word)


@register.simple_tag
def row_state(state: str, word: Text) -> SafeString:
    """The state of a row of the fleet as shape and word; the word may say what is to check."""
    colour, shape = STATES[state]
    return format_html('<span class="st {}">{}{}</span>', colour, icon(shape), word)


@register.simple_tag
def pick(serial: str, name: str) -> SafeString:
    """A box that selects one station for the actions of `sg_status/fleet/many.html`; the whole label is clickable."""
    return format_html(
        '<label class="tick"><input type="checkbox" name="station" value="{}" form="many" id="pick-{}">'
        '<span class="hide">{}</span></label>',
        serial,
        serial,
        _("Select %(name)s") % {"name": name},
    )


@register.simple_tag
def week_strip(hours: Hours) -> SafeString:
    """The hours of a station as a strip; its label says the same in words."""
    places: dict[str, list[str]] = {}
    for kind, first, length in hours.stretches():
        name, top, height = _HOURS[kind]
        places.setdefault(name, []).append(f"M{first} {top}h{length}v{height}h-{length}z")
    drawn = [format_html('<path class="{}" d="{}"/>', name, "".join(parts)) for name, parts in places.items()]
    return format_html(
        '<svg width="126" height="14" viewBox="0 0 {} 14" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>',
        len(hours.kinds),
        _strip_words(hours),
        SafeString("".join(drawn)),
    )


@register.simple_tag
def strip_key() -> SafeString:
    """The legend of the strips."""
    signs = [
        format_html(
            '<span><svg width="14" height="14" aria-hidden="true"><path class="{}" d="M0 {}h14v{}h-14z"/></svg>{}</span>',
            *_HOURS[kind],
            word,
        )
        for kind, word in HOUR_WORDS.items()
    ]
    # The hatch of our own downtime is drawn once and used by every strip of the page.
    hatch = (
        '<svg width="0" height="0" aria-hidden="true"><pattern id="hatch" width="4" height="4" '
        'patternUnits="userSpaceOnUse"><path class="hatch" d="M0 4 4 0"/></pattern></svg>'
    )
    return format_html('<p class="key">{}{}</p>', SafeString("".join(signs)), SafeString(hatch))


@register.simple_tag
def battery_spark(week: BatteryWeek) -> SafeString | str:
    """The battery of a week as a line, with gaps where nothing is known. Its words stand beside it."""
    known = [(place, value) for place, value in enumerate(week.steps) if value is not None]
    if not known:
        return ""
    values = [value for _place, value in known]
    middle, span = (min(values) + max(values)) / 2, max(max(values) - min(values), _SPARK_LEAST_V)
    points = {
        place: (
            1 + place * _SPARK_WIDTH / len(week.steps),
            1 + _SPARK_HEIGHT * (0.5 - (value - middle) / span),
        )
        for place, value in known
    }
    path = "".join(_point(points, place) for place in points)
    x, y = points[known[-1][0]]
    return format_html(
        '<svg class="spk" width="48" height="16" aria-hidden="true"><path class="l1" d="{}"/>'
        '<circle class="dot" cx="{}" cy="{}" r="2"/></svg>',
        path,
        f"{x:.1f}",
        f"{y:.1f}",
    )


@register.simple_tag
def reach_bar(value: int, scale: int) -> SafeString:
    """A linear bar on the scale that the column's head names; a value beyond the scale is a broken bar with a label."""
    if value > scale:
        return format_html(
            '<svg width="72" height="8" role="img" aria-label="{}"><path fill="currentColor" '
            'd="M0 0h58l-4 8H0zM62 0h10v8H58z"/></svg>',
            _("far above the scale of %(scale)s") % {"scale": count_words(scale)},
        )
    width = f"{max(72 * value / scale, 1.0):.1f}" if value > 0 and scale > 0 else "0"
    return format_html(
        '<svg width="72" height="8" aria-hidden="true"><path class="bed" d="M0 0h72v8H0z"/>'
        '<path class="bar" d="M0 0h{}v8H0z"/></svg>',
        width,
    )


def _strip_words(hours: Hours) -> str:
    counted = {kind: hours.count(kind) for kind in HOUR_WORDS}
    if not any(counted.values()):
        return _("Last 7 days: nothing was expected yet")
    parts = [
        ngettext("%(n)d hour %(word)s", "%(n)d hours %(word)s", number) % {"n": number, "word": HOUR_WORDS[kind]}
        for kind, number in counted.items()
        if number
    ]
    return _("Last 7 days: %(parts)s") % {"parts": ", ".join(parts)}


def _point(points: dict[int, tuple[float, float]], place: int) -> str:
    """A point of the line; after a gap it begins again."""
    x, y = points[place]
    return f"{'L' if place - 1 in points else 'M'}{x:.1f} {y:.1f}"
