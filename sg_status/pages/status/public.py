"""The public status page, without a login: page, embedded page, JSON, badge, digit and feed.

Each answer is the same for everybody who asks in one language, so that `web.kept_answers` and caches may keep it. So
it is rendered without the request: no reader's login, cookie or time zone has any effect.
"""

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any, Final, TypeAlias

import msgspec
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.urls import path, reverse
from django.utils import timezone
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.translation import override
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_safe

from fleet.core import clock
from fleet.core.zones import zone_of, zone_words
from fleet.status_pages.selectors import status_page_public
from fleet.status_pages.standing import DAYS, Standing, standing_of
from sg_status.pages.places.public import public
from sg_status.status import words
from sg_status.status.badge import badge_svg
from sg_status.status.bars import BAR, HEIGHT, STEP, bars_of
from sg_status.status.document import status_document
from sg_status.status.feed import feed_xml
from sg_status.status.language import language_asked

#: Seconds for which browsers and caches may show an answer.
FRESH_S: Final = 60
#: The content security policy: as strict as that of other pages, and without their live process and map tiles.
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors {who}"
)

Maker: TypeAlias = Callable[[Standing, str], str | bytes]


def _answer(kind: str, *, is_framed: bool = False) -> Callable[[Maker], Callable[..., HttpResponseBase]]:
    """Decorate the function that makes the body of an answer from the standing and the language."""

    def decorate(make: Maker) -> Callable[..., HttpResponseBase]:
        @require_safe
        @public
        @wraps(make)
        def view(request: HttpRequest, slug: str) -> HttpResponseBase:
            page = status_page_public(slug=slug)
            language = language_asked(request.headers.get("Accept-Language", "")) or page.organization.language
            with override(language), timezone.override(zone_of(page.organization.timezone)):
                body = make(standing_of(page=page, moment=clock.now()), language)
            answer = HttpResponse(body, content_type=kind)
            answer.headers["Cache-Control"] = f"public, max-age={FRESH_S}"
            answer.headers["Content-Language"] = language
            answer.headers["Content-Security-Policy"] = _POLICY.format(who="*" if is_framed else "'none'")
            # Everybody may read everything here.
            answer.headers["Access-Control-Allow-Origin"] = "*"
            etag = f'W/"{hashlib.sha256(answer.content).hexdigest()[:32]}"'
            answer.headers["ETag"] = etag
            patch_vary_headers(answer, ["Accept-Language"])
            return get_conditional_response(request, etag, None, answer) or answer

        return xframe_options_exempt(view) if is_framed else view

    return decorate


@_answer("text/html; charset=utf-8")
def status_page(standing: Standing, language: str) -> str:
    """The page."""
    return render_to_string("sg_status/status/page.html", page_context(standing, language))


@_answer("text/html; charset=utf-8", is_framed=True)
def status_embed(standing: Standing, language: str) -> str:
    """A small page for a frame on other people's pages."""
    return render_to_string("sg_status/status/embed.html", page_context(standing, language))


@_answer("application/json")
def status_json(standing: Standing, language: str) -> bytes:  # noqa: ARG001 - every answer is made from both
    """The same content as JSON."""
    return msgspec.json.encode(status_document(standing, address=_address("status-page", standing)))


@_answer("image/svg+xml; charset=utf-8")
def status_badge(standing: Standing, language: str) -> str:  # noqa: ARG001 - every answer is made from both
    """The state as a picture."""
    return badge_svg(standing)


@_answer("text/plain; charset=utf-8")
def status_digit(standing: Standing, language: str) -> str:  # noqa: ARG001 - every answer is made from both
    """`1` if all is well as far as known; `0` if something is silent, a notice is open, or nothing can be said."""
    return "1" if standing.state == "ok" else "0"


@_answer("application/atom+xml; charset=utf-8")
def status_feed(standing: Standing, language: str) -> str:
    """The updates of notices."""
    return feed_xml(
        standing,
        address=_address("status-page", standing),
        feed_address=_address("status-feed", standing),
        language=language,
    )


def _address(name: str, standing: Standing) -> str:
    return f"{settings.SITE_URL}{reverse(name, args=[standing.page.slug])}"


def page_context(standing: Standing, language: str) -> dict[str, Any]:
    """The context of the page and of the small page."""
    colour, shape = words.SHAPES[standing.state]
    return {
        "page": standing.page,
        "organization": standing.page.organization,
        "standing": standing,
        "language": language,
        "verdict": words.verdict_words(standing),
        "down": words.down_words(standing),
        "colour": colour,
        "shape": shape,
        "zone": zone_words(standing.moment),
        "days": DAYS,
        "wide": DAYS * STEP - (STEP - BAR),
        "high": HEIGHT,
        "rows": [
            {
                "item": item,
                "word": words.item_word(item),
                "shape": words.item_shape(item),
                "bars": bars_of(item.days),
                "past": words.past_words(item),
                "percent": words.percent_words(item.share),
            }
            for item in standing.items
        ],
    }


urlpatterns = [
    path("status/<slug:slug>/", status_page, name="status-page"),
    path("status/<slug:slug>/embed/", status_embed, name="status-embed"),
    path("status/<slug:slug>/status.json", status_json, name="status-json"),
    path("status/<slug:slug>/badge.svg", status_badge, name="status-badge"),
    path("status/<slug:slug>/digit", status_digit, name="status-digit"),
    path("status/<slug:slug>/feed.atom", status_feed, name="status-feed"),
]
