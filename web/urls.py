"""URLs of the site: pages, accounts, API, admin."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from web.health import healthz

# Administrators log in through the same page as everyone, with its rate limits and second factor.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

handler400 = "web.failures.refusal"
handler500 = "web.failures.failure"

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", healthz, name="healthz"),
    path("", include("web.accounts.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/", include("rest_api.urls")),
    path("", include("sg_status.urls")),
]
