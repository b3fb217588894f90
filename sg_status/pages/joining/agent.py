"""`/agent/`: the agent, its hash and the line that installs it; public, because a new station has no login yet."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from fleet.stations.joining.agent_install import SCRIPT_NAME, install_line, install_script
from fleet.stations.joining.agent_wheel import agent_wheel


@require_safe
def agent_page(request: HttpRequest) -> HttpResponse:
    """The line that installs and joins; the wheel's name, size and hash; pip finds it here with `--find-links`."""
    wheel = agent_wheel()
    context = {
        "line": install_line("claim"),
        "wheel": wheel,
        "address": f"{settings.SITE_URL}/agent/{wheel.name}",
        "kilobytes": round(len(wheel.content) / 1000),
        "script": SCRIPT_NAME,
        "site": settings.SITE_URL,
    }
    return render(request, "sg_status/joining/agent.html", context)


@require_safe
@cache_control(public=True, max_age=300)
def agent_script(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - Django's signature
    """The script that the line downloads and checks."""
    return HttpResponse(install_script(settings.SITE_URL), content_type="text/plain; charset=utf-8")


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
    path(f"agent/{SCRIPT_NAME}", agent_script, name="agent-script"),
    path("agent/<str:name>", agent_file, name="agent-file"),
]
