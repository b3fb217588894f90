"""Settings from the environment; `<NAME>_FILE` names a file that holds the value instead."""

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from fleet.core.requests.proxies import Proxies, proxies_read


def setting(name: str, default: str | None = None) -> str:
    """The value of `name`, or of the file that `<name>_FILE` names; a clear error if neither is set.

    An empty value counts as unset: Compose passes `NAME=` for unset variables.
    """
    value, file = os.environ.get(name) or None, os.environ.get(f"{name}_FILE") or None
    if value is not None and file is not None:
        raise ImproperlyConfigured(f"Both {name} and {name}_FILE are set; keep one.")
    if file is not None:
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE cannot be read: {error}.") from error
    if value is not None:
        return value
    if default is None:
        raise ImproperlyConfigured(f"{name} is not set. Start Roost with ./roost up, or set it (see docs/reference).")
    return default


def choice(name: str, default: str, allowed: tuple[str, ...]) -> str:
    """The value of `name`, which must be one of `words`."""
    value = setting(name, default)
    if value not in allowed:
        raise ImproperlyConfigured(f"{name} is {value!r}: it must be one of {', '.join(allowed)}.")
    return value


def proxies_setting(name: str) -> Proxies:
    """The proxies in `name`; none if it is absent or empty."""
    try:
        return proxies_read(setting(name, ""))
    except ValueError as error:
        raise ImproperlyConfigured(str(error)) from error
