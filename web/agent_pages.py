"""`/agent/`: the station agent for installation, with its hash; public, because a new station has no login yet."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from web.agent_wheel import agent_wheel


@require_safe
def agent_page(request: HttpRequest) -> HttpResponse:
    """The wheel's name, size, hash and installation commands; pip finds it here with `--find-links`."""
    wheel = agent_wheel()
    address = f"{settings.SITE_URL}/agent/{wheel.name}"
    context = {"wheel": wheel, "address": address, "kilobytes": round(len(wheel.content) / 1000)}
    return render(request, "agent.html", context)


@require_safe
@cache_control(public=True, max_age=300)
def agent_file(request: HttpRequest, name: str) -> HttpResponse:  # noqa: ARG001 - Django's signature
    """The wheel itself."""
    wheel = agent_wheel()
    if name != wheel.name:
        raise Http404(_("This server has a different version of the agent."))
    headers = {"ETag": f'"{wheel.sha256}"', "Content-Disposition": f'attachment; filename="{wheel.name}"'}
    return HttpResponse(wheel.content, content_type="application/octet-stream", headers=headers)


urlpatterns = [
    path("agent/", agent_page, name="agent"),
    path("agent/<str:name>", agent_file, name="agent-file"),
]
