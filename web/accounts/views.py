"""The account page, its language and time zone, ending every session, and deleting one's own account."""

from allauth.account.decorators import reauthentication_required
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST
from django.views.i18n import set_language

from fleet.core.errors import DomainError, InvalidInput
from fleet.core.zones import zone_choices
from fleet.organizations.people import (
    organizations_alone,
    person_delete,
    person_language,
    person_language_set,
    person_timezone_set,
)
from web.zone import IN_UTC


@never_cache
@login_required
@require_http_methods(["GET", "HEAD"])
def account(request: HttpRequest) -> HttpResponse:
    """The person's account page, with links to change everything on it."""
    user = _person(request)
    factors = list(Authenticator.objects.filter(user=user).values_list("type", flat=True))
    return render(
        request,
        "account/account.html",
        {
            "addresses": EmailAddress.objects.filter(user=user).order_by("-primary", "email"),
            "passkeys": factors.count(Authenticator.Type.WEBAUTHN),
            "has_totp": Authenticator.Type.TOTP in factors,
            "sessions": UserSession.objects.filter(user=user).count(),
            "language": person_language(user=user),
            "timezones": zone_choices(),
        },
    )


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Change the language. For a logged-in person it is saved, and applies to mails too."""
    chosen = request.POST.get("language", "")
    if request.user.is_authenticated and chosen in dict(settings.LANGUAGES):
        person_language_set(user=_person(request), language=chosen)
    response: HttpResponse = set_language(request)
    return response


@never_cache
@login_required
@require_POST
def timezone(request: HttpRequest) -> HttpResponse:
    """Change the person's own time zone, for pages and mails."""
    try:
        person_timezone_set(user=_person(request), name=request.POST.get("timezone", ""))
    except InvalidInput as error:
        messages.error(request, str(error))
    else:
        request.session.pop(IN_UTC, None)
        messages.success(request, _("The timezone is saved."))
    return redirect("account")


@never_cache
@login_required
@require_POST
def times_shown(request: HttpRequest) -> HttpResponse:
    """Switch all pages to UTC, or back to the person's own time zone, and return to the page."""
    if request.POST.get("times") == "utc":
        request.session[IN_UTC] = True
    else:
        request.session.pop(IN_UTC, None)
    return redirect(_next_address(request))


@never_cache
@login_required
@require_POST
def sessions_end(request: HttpRequest) -> HttpResponse:
    """Log out everywhere, this browser included."""
    for session in UserSession.objects.filter(user=_person(request)):
        session.end()
    logout(request)
    messages.success(request, _("You are logged out everywhere."))
    return redirect("/")


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@reauthentication_required(app="allauth.account")
def account_delete(request: HttpRequest) -> HttpResponse:
    """GET: show what is deleted with the account. POST: delete the account."""
    user = _person(request)
    if request.method != "POST":
        return render(request, "account/delete.html", {"alone": organizations_alone(user=user)})
    try:
        person_delete(user=user)
    except DomainError as error:
        messages.error(request, str(error))
        return redirect("account-delete")
    logout(request)
    messages.success(request, _("Your account is deleted."))
    return redirect("/")


def _next_address(request: HttpRequest) -> str:
    asked = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(
        asked, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return asked if is_ours else "/"


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - for the type checker: every view here asks for a login
    return request.user
