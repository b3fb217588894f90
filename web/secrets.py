"""Settings from the environment; `<NAME>_FILE` names a file that holds the value instead."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from fleet.core.requests.proxies import Proxies, proxies_read


def setting(name: str, default: str | None = None) -> str:
    """The value of `name`, or the content of the file that `<name>_FILE` names, else the default.

    Raises `ImproperlyConfigured` if none of these exists, or if both variables are set.
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
    """The value of `name`, which must be one of `allowed`."""
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


def months_setting(name: str, *, least: int) -> int:
    """A number of months, 0 or at least `least`."""
    months = int(setting(name, "0"))
    if months and months < least:
        raise ImproperlyConfigured(f"{name} is {months}: it must be 0 or at least {least}.")
    return months


def objects_options(bucket: str) -> dict[str, Any]:
    """Options of the storage for an S3 bucket. Raises `ImproperlyConfigured` if django-storages is missing."""
    if find_spec("storages") is None:
        raise ImproperlyConfigured("ROOST_S3_BUCKET is set, but django-storages is missing: install roost-server[s3].")
    return {
        "bucket_name": bucket,
        "endpoint_url": setting("ROOST_S3_ENDPOINT", "") or None,
        "region_name": setting("ROOST_S3_REGION", "us-east-1"),
        "access_key": setting("ROOST_S3_KEY_ID"),
        "secret_key": setting("ROOST_S3_SECRET"),
        "addressing_style": setting("ROOST_S3_ADDRESSING", "path"),
        "location": setting("ROOST_S3_FOLDER", ""),
        "verify": setting("ROOST_S3_CA_FILE", "") or None,
        "timeout_s": float(setting("ROOST_S3_TIMEOUT_S", "10")),
    }
