"""The serials whose files this station takes as its own."""

from collections.abc import Iterable

from formats.sensorgnome.names import serial_key
from station_agent.errors import WrongUse


def serials_taken(own: str, also: Iterable[str] = (), *, any_station: bool = False) -> frozenset[str]:
    """The serials whose files are taken, for `is_foreign`; empty if all are, or if the own serial is not distinctive.

    Raises `WrongUse` for another serial by which files cannot be told apart.
    """
    others = {serial_key(other): other for other in also}
    if "" in others:
        raise WrongUse(
            f"{others['']!r} is not the serial of a Sensorgnome or SensorStation: files are told apart by serials like "
            "SG-7F5ERPI46977 and CTT-V30B0154CD0C."
        )
    key = serial_key(own)
    if any_station or not key:
        return frozenset()
    return frozenset({key, *others})
