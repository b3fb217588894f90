"""Paths of requests as they may stand in a log: what opens something (a reset link, an invitation, a code) is left out."""

import logging
import re
from urllib.parse import quote, unquote

from django.conf import settings
from django.urls import Resolver404, resolve

#: Parts of addresses that name a thing and open nothing. Any other text in an address may be a key.
_NAMES = frozenset({"name", "prefix", "serial", "size", "slug", "system", "username"})
_LEFT_OUT = "…"
_SAFE = "/:@!$&'()*+,;=~"
#: A first part longer than this is no word of ours.
_WORD_MOST = 24
#: What Django says of an address that it does not have, in an error that came of it.
_RESOLVED = re.compile(r"'path': '([^'\n]*)'")
#: Where `uvicorn.access` has its path.
_ACCESS_PATH = 2


class PathsWithoutSecrets(logging.Filter):
    """Rewrites the path in what uvicorn and Django log of a request."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every record, with another path where it has one."""
        args = record.args
        if not isinstance(args, tuple):
            return True
        if record.name == "uvicorn.access" and len(args) > _ACCESS_PATH:
            record.args = (*args[:_ACCESS_PATH], path_shown(str(args[_ACCESS_PATH])), *args[_ACCESS_PATH + 1 :])
        elif (request := getattr(record, "request", None)) is not None and hasattr(request, "path"):
            record.args = tuple(path_shown(request.path) if arg == request.path else arg for arg in args)
        return True


class PlainLines(logging.Formatter):
    """Lines for people. What an error says of a request's path says no more than the line itself."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, with the error below it."""
        text = super().format(record)
        path = getattr(getattr(record, "request", None), "path", "").lstrip("/")
        text = text.replace(path, path_shown(f"/{path}").lstrip("/")) if path else text
        return _RESOLVED.sub(lambda found: f"'path': '{path_shown(found[1])}'", text)


def path_shown(path: str) -> str:
    """The path without its query, in one line, and without any part that is neither a fixed word nor a name or number."""
    path = f"/{unquote(path.partition('?')[0]).lstrip('/')}"
    if path.startswith(("/live/", settings.STATIC_URL)):
        return quote(path, safe=_SAFE)
    parts = _secret_parts(path)
    if parts is None:
        first, _slash, rest = path.lstrip("/").partition("/")
        word = first if len(first) <= _WORD_MOST else _LEFT_OUT
        return f"/{quote(word, safe=_SAFE + _LEFT_OUT)}{'/' + _LEFT_OUT if rest else ''}"
    shown = quote(path, safe=_SAFE)
    for part in parts:
        shown = shown.replace(quote(part, safe=_SAFE), _LEFT_OUT)
    return shown


def _secret_parts(path: str) -> list[str] | None:
    """The parts that may be keys; None for an address that we do not have, of which anything may be one."""
    for each in (path, f"{path}/"):
        try:
            found = resolve(each)
        except (Resolver404, ValueError):
            continue
        if found.url_name == "nothing-here":
            return None
        texts = {name: value for name, value in found.kwargs.items() if isinstance(value, str) and value}
        return [value for name, value in texts.items() if name not in _NAMES]
    return None
