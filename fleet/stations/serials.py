"""Serials as the makers of receivers write them: used to warn of typing errors and to guess a model, never to refuse."""

import re
from dataclasses import dataclass

from django.utils.translation import gettext as _


@dataclass(frozen=True, slots=True)
class Grammar:
    """One family of receivers: its word, what people call it, and what its serials look like."""

    kind: str
    name: str
    pattern: re.Pattern[str]


def _grammar(kind: str, name: str, pattern: str) -> Grammar:
    return Grammar(kind, name, re.compile(pattern + r"\Z", re.IGNORECASE))


#: The patterns by which Motus knows receivers. `_1`, `_2` tell devices apart that share a serial.
GRAMMARS = (
    _grammar("sensorgnome-v2", "Sensorgnome V2", r"SG-[0-9A-Z]{4}RP[A-Z0-9]{2}[0-9A-Z]{4}(?:_[0-9])?"),
    _grammar("sensorgnome-v1", "Sensorgnome V1", r"SG-[0-9A-Z]{4}(?:BBBK|BB[0-9][0-9A-Z])[0-9A-Z]{4}(?:_[0-9])?"),
    _grammar("ctt", "CTT SensorStation", r"CTT-V?[0-9A-F]+"),
    _grammar("lotek", "Lotek SRX", r"Lotek-M?D?[0-9]+(?:_[0-9])?"),
    _grammar("sigma-eight", "Sigma Eight", r"SEI_[A-Z]_[A-Z0-9]{9}"),
)
#: What fits none of them.
GENERIC = "generic"


def serial_grammar(serial: str) -> Grammar | None:
    """The family that this serial belongs to, whatever its case; None for any other device."""
    return next((grammar for grammar in GRAMMARS if grammar.pattern.match(serial)), None)


def serial_kind(serial: str) -> str:
    """The family's word, or `generic`."""
    grammar = serial_grammar(serial)
    return grammar.kind if grammar else GENERIC


def serial_warning(serial: str) -> str | None:
    """A sentence when the serial is of no known kind of receiver; such a station is registered all the same."""
    if serial_grammar(serial):
        return None
    return _(
        "%(serial)s is no serial of a Sensorgnome, Lotek, CTT or Sigma Eight receiver: check it for a typing error."
    ) % {"serial": serial}
