"""Serial formats of the receivers' makers: used to warn of typos and to guess a model, never to refuse."""

import re
from dataclasses import dataclass

from django.utils.translation import gettext as _


@dataclass(frozen=True, slots=True)
class Grammar:
    """One family of receivers: its name, and the pattern of its serials."""

    name: str
    pattern: re.Pattern[str]


def _grammar(name: str, pattern: str) -> Grammar:
    return Grammar(name, re.compile(pattern + r"\Z", re.IGNORECASE))


#: The patterns Motus uses for receivers. `_1`, `_2` distinguish devices that share a serial.
GRAMMARS = (
    _grammar("Sensorgnome V2", r"SG-[0-9A-Z]{4}RP[A-Z0-9]{2}[0-9A-Z]{4}(?:_[0-9])?"),
    _grammar("Sensorgnome V1", r"SG-[0-9A-Z]{4}(?:BBBK|BB[0-9][0-9A-Z])[0-9A-Z]{4}(?:_[0-9])?"),
    _grammar("CTT SensorStation", r"CTT-V?[0-9A-F]+"),
    _grammar("Lotek SRX", r"Lotek-M?D?[0-9]+(?:_[0-9])?"),
    _grammar("Sigma Eight", r"SEI_[A-Z]_[A-Z0-9]{9}"),
)


def serial_grammar(serial: str) -> Grammar | None:
    """The family this serial belongs to, ignoring case; None for any other device."""
    return next((grammar for grammar in GRAMMARS if grammar.pattern.match(serial)), None)


def serial_warning(serial: str) -> str | None:
    """A warning if no known kind of receiver has such a serial; the station can be registered all the same."""
    if serial_grammar(serial):
        return None
    return _(
        "%(serial)s does not look like the serial of a Sensorgnome, Lotek, CTT or Sigma Eight receiver: check "
        "it for typos."
    ) % {"serial": serial}
