"""The page behind the address in a mail that switches such mails off. Works without a login, and in one click."""

from http import HTTPStatus
from typing import Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from fleet.alerts.sending.switching_off import off_link_find, off_link_use
from fleet.core.errors import Forbidden, NotFound
from fleet.core.sending.mail_headers import ONE_CLICK

#: The field of the form, and its value.
_FIELD, _VALUE = ONE_CLICK.split("=")
FIELD: Final = {"name": _FIELD, "value": _VALUE}


# Mail programs post here, and have no token of ours. The signed address is the credential, and a login adds nothing.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def mails_off(request: HttpRequest, token: str) -> HttpResponse:
    """GET: what would be switched off, and a button. POST with the words of RFC 8058: switch it off."""
    is_asked = request.method == "POST" and request.POST.get(_FIELD) == _VALUE
    try:
        link = (off_link_use if is_asked else off_link_find)(token=token, user=request.user)
    except NotFound as error:
        raise Http404(str(error)) from error
    except Forbidden as error:
        refused = {"reason": str(error)}
        return render(request, "sg_status/watching/mails_off_refused.html", refused, status=HTTPStatus.FORBIDDEN)
    context = {
        "membership": link.membership,
        "organization": link.membership.organization,
        "kind": link.kind.value,
        "is_on": link.is_on,
        "field": FIELD,
    }
    # A POST without these words changes nothing and answers 400.
    is_refused = request.method == "POST" and not is_asked
    status = HTTPStatus.BAD_REQUEST if is_refused else HTTPStatus.OK
    return render(request, "sg_status/watching/mails_off.html", context, status=status)


urlpatterns = [path("mails/off/<str:token>/", mails_off, name="mails-off")]
