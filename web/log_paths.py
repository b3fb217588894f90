"""Request paths made safe for logs: secrets (reset links, invitations, codes) are left out."""

import logging
import re
from urllib.parse import quote, unquote

from django.conf import settings
from django.urls import Resolver404, resolve

#: URL parameters that name something and give no access. Any other text in a path may be a secret.
_NAMES = frozenset({"name", "prefix", "serial", "size", "slug", "system", "username"})
_LEFT_OUT = "…"
_SAFE = "/:@!$&'()*+,;=~"
#: A longer first part cannot be a word of ours, so it is left out.
_WORD_MOST = 24
#: An unknown path inside Django's error message.
_RESOLVED = re.compile(r"'path': '([^'\n]*)'")
#: Index of the path in the arguments of `uvicorn.access`.
_ACCESS_PATH = 2


class PathsWithoutSecrets(logging.Filter):
    """Rewrites the path in the request logs of uvicorn and Django."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every record, with its path rewritten if it has one."""
        args = record.args
        if not isinstance(args, tuple):
            return True
        if record.name == "uvicorn.access" and len(args) > _ACCESS_PATH:
            record.args = (*args[:_ACCESS_PATH], path_shown(str(args[_ACCESS_PATH])), *args[_ACCESS_PATH + 1 :])
        elif (request := getattr(record, "request", None)) is not None and hasattr(request, "path"):
            record.args = tuple(path_shown(request.path) if arg == request.path else arg for arg in args)
        return True


class PlainLines(logging.Formatter):
    """Plain log lines. Paths in error messages and tracebacks are rewritten too."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, followed by its traceback, if any."""
        text = super().format(record)
        path = getattr(getattr(record, "request", None), "path", "").lstrip("/")
        text = text.replace(path, path_shown(f"/{path}").lstrip("/")) if path else text
        return _RESOLVED.sub(lambda found: f"'path': '{path_shown(found[1])}'", text)


def path_shown(path: str) -> str:
    """The path as shown in logs: on one line, without its query, and with possible secrets replaced by `…`."""
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
    """The parts that may be secrets; None for an unknown URL, where any part may be a secret."""
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
