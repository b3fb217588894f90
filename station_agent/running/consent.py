"""The owner's local consent: a file on the station that may forbid commands, whatever the server asks.

    {"commands": true, "allow": ["ping"], "deny": ["reboot"]}

Without a file everything is allowed; `commands: false` forbids everything; with `allow` only the named commands are
allowed; `deny` overrides `allow`. A file that cannot be understood forbids everything: the owner meant something by it.
"""

from pathlib import Path

import msgspec


class Consent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The owner's consent. `webui` and `support` are a Sensorgnome's own keys in such a file, not used here."""

    commands: bool = True
    allow: list[str] | None = None
    deny: list[str] = []
    webui: bool = True
    support: int = 0


def consent_refusal(path: Path, command: str) -> str | None:
    """None if the owner allows the command, else the refusal as a sentence."""
    try:
        consent = msgspec.json.decode(path.read_bytes(), type=Consent)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError, msgspec.DecodeError) as error:
        return f"The station's consent file {path.name} cannot be understood, so no command runs: {error}."
    if not consent.commands:
        return "The station's owner does not allow commands here."
    if command in consent.deny or (consent.allow is not None and command not in consent.allow):
        return f"The station's owner does not allow {command} here."
    return None
