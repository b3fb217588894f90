"""Roost's allauth adapter: who can sign up, where mail links lead and in which language, and login rate limits."""

from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.core.internal.httpkit import clean_client_ip
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from fleet.core.errors import InvalidInput
from fleet.organizations.addresses import address_check
from fleet.organizations.lookalikes import look_of, scripts_check
from fleet.organizations.people import person_language, person_language_set, speaking_to
from web.accounts.brake import brake_key, browser_remember

_WRONG = _("Wrong username, email address or password.")
#: Link variables in mail contexts.
_LINKS = ("activate_url", "password_reset_url", "signup_url")


class AccountAdapter(DefaultAccountAdapter):
    """Roost's answers to allauth's hooks."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": _WRONG,
        "email_password_mismatch": _WRONG,
        "too_many_login_attempts": _(
            "Too many wrong passwords. Wait five minutes, or reset the password: the link in the mail works at once."
        ),
        "rate_limited": _("Too many attempts. Wait a minute, then try again."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Whether this visitor can sign up, by `ROOST_SIGNUP`. An invitation link leaves its address in the session."""
        invited = bool(request.session.get("account_verified_email"))
        return settings.ROOST_SIGNUP == "open" or (settings.ROOST_SIGNUP == "invited" and invited)

    def clean_username(self, username: str, shallow: bool = False) -> str:  # noqa: FBT001, FBT002 - allauth's signature
        """Refuse a name with @, because people log in by name or address, and either must mean one person."""
        if "@" in username and not shallow:
            raise ValidationError(_("A username cannot contain @, because it would look like an email address."))
        cleaned: str = super().clean_username(username, shallow)
        if not shallow:
            _check_unmistakable(cleaned)
        return cleaned

    def clean_email(self, email: str) -> str:
        """Refuse an address that has more than one spelling."""
        try:
            address_check(email)
        except InvalidInput as error:
            raise ValidationError(str(error)) from error
        cleaned: str = super().clean_email(email)
        return cleaned

    def can_delete_email(self, email_address: EmailAddress) -> bool:
        """Whether an address can be deleted. The main address cannot: resetting a lost password needs it."""
        return not email_address.primary and super().can_delete_email(email_address)

    def get_client_ip(self, request: HttpRequest) -> str:
        """The caller's address, which `Door` has already put into the request; see `ROOST_PROXIES`."""
        return clean_client_ip(request.META.get("REMOTE_ADDR", "")) or "0.0.0.0"  # noqa: S104 - nothing listens there

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a mail in the recipient's language and time zone, with links to `SITE_URL` whatever the request's Host was."""
        links = {name: site_address(context[name]) for name in _LINKS if name in context}
        site = {"site_url": settings.SITE_URL, "signup": settings.ROOST_SIGNUP}
        with speaking_to(email=email):
            super().send_mail(template_prefix, email, {**context, **links, **site})

    def is_safe_url(self, url: str) -> bool:
        """Whether a redirect stays on this site."""
        site = urlsplit(settings.SITE_URL)
        return url_has_allowed_host_and_scheme(url, allowed_hosts={site.netloc}, require_https=site.scheme == "https")

    def get_login_stages(self) -> list[str]:
        """The steps of a login, with our own email address step."""
        theirs = "allauth.account.stages.EmailVerificationStage"
        return ["web.accounts.stages.AddressStage" if each == theirs else each for each in super().get_login_stages()]

    def post_login(self, request: HttpRequest, user: AbstractBaseUser, **details: Any) -> HttpResponse:
        """Remember the browser as known, and set the person's language."""
        response: HttpResponse = super().post_login(request, user, **details)
        browser_remember(request, response, user.pk)
        if isinstance(user, User):
            _apply_language(response, user)
        return response

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        return brake_key(request, str(credentials.get("username") or credentials.get("email") or ""))


def site_address(url: str) -> str:
    """The same path on `SITE_URL`; a request's Host header can be forged."""
    parts = urlsplit(url)
    return f"{settings.SITE_URL}{parts.path}{'?' + parts.query if parts.query else ''}"


def _check_unmistakable(username: str) -> None:
    """Raise `ValidationError` for a name easily mistaken for another user's or for one of the server's."""
    try:
        scripts_check(username, field="username")
    except InvalidInput as error:
        raise ValidationError(str(error)) from error
    look = look_of(username)
    names = User.objects.values_list("username", flat=True)
    if look in map(look_of, settings.ACCOUNT_USERNAME_BLACKLIST) or look in map(look_of, names):
        raise ValidationError(_("This name looks too much like an existing one: choose another."))


def _apply_language(response: HttpResponse, user: User) -> None:
    chosen = person_language(user=user)
    if not chosen:
        person_language_set(user=user, language=get_language() or settings.LANGUAGE_CODE)
        return
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        chosen,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        secure=settings.SESSION_COOKIE_SECURE,
        samesite="Lax",
    )
