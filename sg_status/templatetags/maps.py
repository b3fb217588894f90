"""Template filters for maps: the colour and shape of a pin, positions, and the polarization of antennas."""

from django import template
from django.templatetags.static import static

from sg_status.maps.sectors import POLARIZATIONS
from sg_status.maps.told import SHAPES
from sg_status.words import NOTHING

register = template.Library()


@register.filter
def pin_class(state: str) -> str:
    """The class that colours a pin."""
    return SHAPES[state][0]


@register.filter
def pin_shape(state: str) -> str:
    """The address of a pin's shape in the sprite."""
    return f"{static('sprite.svg')}#{SHAPES[state][1]}"


@register.filter
def add_px(value: float, more: float) -> str:
    """A position in a drawing, moved by `more`."""
    return f"{float(value) + float(more):.1f}"


@register.filter
def polarization_word(value: str) -> str:
    """How an antenna's elements stand, in words; a dash if nobody entered it."""
    return str(dict(POLARIZATIONS).get(value, NOTHING))
