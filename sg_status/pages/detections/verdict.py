"""Sentences about what was heard: how many tags, how many of them for the first time, and which port is unusual."""

from dataclasses import dataclass

from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fleet.core.spoken import count_words
from fleet.telemetry.heard.noise import DAYS_LEAST, Loudness, PortNoise
from fleet.telemetry.heard.tags import TagList

#: From this factor on, no decimal is shown.
_WHOLE_FROM = 10


@dataclass(frozen=True, slots=True)
class Verdict:
    """The sentence on top: its class and shape, the answer without its full stop, and what else to know."""

    kind: str
    shape: str
    answer: str
    more: list[str]


@dataclass(frozen=True, slots=True)
class NoiseLine:
    """One port's noise in words, with the class and shape of its state."""

    kind: str
    shape: str
    words: str


def verdict_of(tags: TagList | None, when: str | Promise, noise: list[PortNoise]) -> Verdict:
    """The verdict; `tags` is None if there are too many to list."""
    odd = sorted((port for port in noise if port.loudness in _ODD), key=_oddity, reverse=True)
    more = [] if tags is None else _new_words(tags)
    more += [_odd_words(odd[0])] if odd else []
    if len(odd) > 1:
        more.append(
            ngettext("One more port is unusual.", "%(n)s more ports are unusual.", len(odd) - 1) % {"n": len(odd) - 1}
        )
    if tags is None:
        answer = _("Too many tags to count %(when)s") % {"when": when}
    elif not tags.tags:
        answer = _("No tag heard %(when)s") % {"when": when}
    else:
        answer = ngettext("One tag heard %(when)s", "%(words)s tags heard %(when)s", tags.tags) % {
            "words": count_words(tags.tags),
            "when": when,
        }
    if odd:
        return Verdict("check", "check", answer, more)
    return (
        Verdict("ok", "ontime", answer, more) if tags is None or tags.tags else Verdict("gone", "never", answer, more)
    )


def noise_line(noise: PortNoise) -> NoiseLine:
    """One port compared with its own usual noise, with the figures."""
    known = {
        "port": noise.port,
        "pulses": count_words(noise.pulses),
        "hours": _("%(n)d h") % {"n": noise.hours},
        "usual": count_words(round(noise.usual or 0)),
        "times": times_words(noise.times),
        "days": noise.days,
        "least": DAYS_LEAST,
    }
    if noise.loudness is Loudness.UNKNOWN:
        sentence = _(
            "Port %(port)s: %(pulses)s pulses in %(hours)s. The usual number is not known yet: "
            "%(days)s of %(least)s days with data."
        )
        return NoiseLine("gone", "never", sentence % known)
    if noise.loudness is Loudness.NOISY:
        sentence = _(
            "Port %(port)s: %(pulses)s pulses in %(hours)s, usually %(usual)s. That is %(times)s times as many: look "
            "for a charger, a pump or a loose antenna."
        )
        return NoiseLine("check", "check", sentence % known)
    if noise.loudness is Loudness.QUIET:
        sentence = _(
            "Port %(port)s: %(pulses)s pulses in %(hours)s, usually %(usual)s. Check its antenna, cable and radio."
        )
        return NoiseLine("check", "check", sentence % known)
    sentence = _("Port %(port)s: %(pulses)s pulses in %(hours)s, about as usual (%(usual)s).")
    return NoiseLine("ok", "ontime", sentence % known)


def times_words(times: float) -> str:
    """A factor: `15`, `3.4`."""
    return count_words(round(times)) if times >= _WHOLE_FROM else number_format(times, 1)


_ODD = (Loudness.NOISY, Loudness.QUIET)


def _oddity(noise: PortNoise) -> float:
    """The key by which noisy ports sort above quiet ones, the noisiest on top."""
    return noise.times if noise.loudness is Loudness.NOISY else 1 / (noise.times + 1)


def _odd_words(noise: PortNoise) -> str:
    words = {
        "port": noise.port,
        "times": times_words(noise.times),
        "pulses": count_words(noise.pulses),
        "usual": count_words(round(noise.usual or 0)),
    }
    if noise.loudness is Loudness.QUIET:
        return _("Port %(port)s is far quieter than usual: %(pulses)s pulses instead of %(usual)s.") % words
    if (noise.usual or 0) < noise.hours:
        return _("Port %(port)s is noisy: %(pulses)s pulses, and usually almost none.") % words
    return _("Port %(port)s is %(times)s times noisier than usual.") % words


def _new_words(tags: TagList) -> list[str]:
    if not tags.new:
        return []
    if tags.new == tags.tags:
        return [ngettext("It was heard here for the first time.", "All of them are new here.", tags.tags)]
    sentence = ngettext(
        "One of them was heard here for the first time.",
        "%(words)s of them were heard here for the first time.",
        tags.new,
    )
    return [sentence % {"words": count_words(tags.new)}]
