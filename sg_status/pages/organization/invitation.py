"""The link in an invitation's mail: shows the invitation and accepts it. Works before signing up."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from fleet.core.errors import DomainError, NotFound
from fleet.organizations.access import viewer_of_user
from fleet.organizations.invitations import invitation_accept, invitation_find
from fleet.organizations.models import Invitation
from sg_status.pages.organization.frame import role_word

#: The session key under which allauth looks for an address proved by a mail, so that signing up needs no second mail.
_PROVED = "account_verified_email"


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, code: str) -> HttpResponse:
    """GET: who invites to what; this does not use up the link. POST: the logged-in person accepts."""
    try:
        held = invitation_find(code=code)
        viewer = viewer_of_user(request.user)
        if request.method == "POST" and viewer.user is not None:
            member = invitation_accept(code=code, user=viewer.user)
            told = {"name": held.organization.name, "role": role_word(member.role)}
            messages.success(request, _("You are now a member of %(name)s, as %(role)s.") % told)
            return redirect("fleet")
    except NotFound as error:
        raise Http404(str(error)) from error
    except DomainError as error:
        messages.error(request, str(error))
        return _render(request, held, status=403)
    if viewer.user is None:
        request.session[_PROVED] = held.email
    return _render(request, held)


def _render(request: HttpRequest, held: Invitation, status: int = 200) -> HttpResponse:
    context = {"invitation": held, "organization": held.organization, "role": role_word(held.role)}
    return render(request, "sg_status/organization/invitation.html", context, status=status)


urlpatterns = [path("invitations/<str:code>/", invitation, name="invitation")]
