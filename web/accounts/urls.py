"""Account URLs: our own list of allauth's views, so that a new version of allauth exposes no page unnoticed."""

from allauth.account import views as logins
from allauth.mfa.base import views as factors
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as passkeys
from allauth.usersessions import views as sessions
from django.urls import URLPattern, path, register_converter
from django.urls.converters import StringConverter
from django.views.decorators.http import require_http_methods

from web.accounts.views import account, account_delete, language, sessions_end, times_shown, timezone

#: Django's form views would treat PUT as POST, and answer unsupported methods inconsistently.
form = require_http_methods(["GET", "HEAD", "POST"])


class Number36(StringConverter):
    """A number in base 36, as allauth writes it in a link. The first dash ends it, and the key follows."""

    regex = "[0-9A-Za-z]+"


register_converter(Number36, "number36")

urlpatterns: list[URLPattern] = [
    path("login/", form(logins.login), name="login"),
    path("login/", form(logins.login), name="account_login"),
    path("logout/", form(logins.logout), name="logout"),
    path("logout/", form(logins.logout), name="account_logout"),
    path("language/setlang/", language, name="set_language"),
    path("accounts/", account, name="account"),
    path("accounts/timezone/", timezone, name="timezone"),
    path("accounts/times/", times_shown, name="times-shown"),
    path("accounts/delete/", account_delete, name="account-delete"),
    path("accounts/signup/", form(logins.signup), name="account_signup"),
    path("accounts/inactive/", form(logins.account_inactive), name="account_inactive"),
    path("accounts/reauthenticate/", form(logins.reauthenticate), name="account_reauthenticate"),
    path("accounts/addresses/", form(logins.email), name="account_email"),
    path("accounts/confirm/", form(logins.email_verification_sent), name="account_email_verification_sent"),
    path("accounts/confirm/<str:key>/", form(logins.confirm_email), name="account_confirm_email"),
    path("accounts/password/", form(logins.password_change), name="account_change_password"),
    path("accounts/password/set/", form(logins.password_set), name="account_set_password"),
    path("accounts/password/reset/", form(logins.password_reset), name="account_reset_password"),
    path("accounts/password/reset/sent/", form(logins.password_reset_done), name="account_reset_password_done"),
    path(
        "accounts/password/reset/<number36:uidb36>-<str:key>/",
        form(logins.password_reset_from_key),
        name="account_reset_password_from_key",
    ),
    path(
        "accounts/password/reset/done/",
        form(logins.password_reset_from_key_done),
        name="account_reset_password_from_key_done",
    ),
    path("accounts/sessions/", form(sessions.list_usersessions), name="usersessions_list"),
    path("accounts/sessions/end/", sessions_end, name="sessions-end"),
    path("accounts/second-factor/", form(factors.index), name="mfa_index"),
    path("accounts/second-factor/login/", form(factors.authenticate), name="mfa_authenticate"),
    path("accounts/second-factor/reauthenticate/", form(factors.reauthenticate), name="mfa_reauthenticate"),
    path("accounts/second-factor/app/add/", form(totp.activate_totp), name="mfa_activate_totp"),
    path("accounts/second-factor/app/remove/", form(totp.deactivate_totp), name="mfa_deactivate_totp"),
    path("accounts/second-factor/codes/", form(codes.view_recovery_codes), name="mfa_view_recovery_codes"),
    path("accounts/second-factor/codes/make/", form(codes.generate_recovery_codes), name="mfa_generate_recovery_codes"),
    path("accounts/second-factor/codes/file/", form(codes.download_recovery_codes), name="mfa_download_recovery_codes"),
    path("accounts/passkeys/", form(passkeys.list_webauthn), name="mfa_list_webauthn"),
    path("accounts/passkeys/add/", form(passkeys.add_webauthn), name="mfa_add_webauthn"),
    path("accounts/passkeys/login/", form(passkeys.login_webauthn), name="mfa_login_webauthn"),
    path(
        "accounts/passkeys/reauthenticate/", form(passkeys.reauthenticate_webauthn), name="mfa_reauthenticate_webauthn"
    ),
    path("accounts/passkeys/<int:pk>/remove/", form(passkeys.remove_webauthn), name="mfa_remove_webauthn"),
    path("accounts/passkeys/<int:pk>/rename/", form(passkeys.edit_webauthn), name="mfa_edit_webauthn"),
]
