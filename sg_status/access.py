"""Access to pages: finding the viewer, hiding what is not theirs, and turning refusals into sentences."""

import json
import logging
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Concatenate, ParamSpec

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from psycopg.errors import QueryCanceled

from fleet.alerts.selectors import OPEN_COUNTED_MOST, incidents_open
from fleet.core.errors import DomainError, Forbidden, InvalidInput, NotFound, Unavailable
from fleet.organizations.access import Viewer, viewer_of_user
from sg_status.words import counted_words

P = ParamSpec("P")
_log = logging.getLogger(__name__)

_VIEWER = "_roost_viewer"
_REFUSED = "_roost_refused"


def viewer_of(request: HttpRequest) -> Viewer:
    """The viewer of a request, asked for once."""
    found = request.__dict__.get(_VIEWER)
    if not isinstance(found, Viewer):
        found = request.__dict__[_VIEWER] = viewer_of_user(request.user)
    return found


def may_count(request: HttpRequest) -> bool:
    """Whether the page's frame may still query the database: not after a query of this request was cancelled."""
    return _REFUSED not in request.__dict__


def page(
    view: Callable[Concatenate[HttpRequest, Viewer, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """Decorate a view for logged-in people: it gets the viewer, and objects hidden from the viewer answer 404."""

    @wraps(view)
    def door(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        try:
            return view(request, viewer_of(request), *args, **kwargs)
        except NotFound as error:
            raise Http404(str(error)) from error
        except Forbidden as error:
            raise PermissionDenied(str(error)) from error
        except Unavailable as error:
            _log.error("A page could not be served: %s", error)
            return render(request, "503.html", {"reason": str(error)}, status=HTTPStatus.SERVICE_UNAVAILABLE)
        except DatabaseError as error:
            if not isinstance(error.__cause__, QueryCanceled):
                raise
            request.__dict__[_REFUSED] = True
            return render(request, "503.html", status=HTTPStatus.SERVICE_UNAVAILABLE)

    guarded = login_required(door)

    @never_cache
    @wraps(view)
    def outer(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if request.headers.get("HX-Request") and not request.user.is_authenticated:
            # A login page inside a part of another page is useless.
            return HttpResponse(status=204, headers={"HX-Refresh": "true"})
        answer = guarded(request, *args, **kwargs)
        if request.headers.get("HX-Request"):
            answer.headers["HX-Trigger"] = _open_now(request)
        return answer

    return outer


def _open_now(request: HttpRequest) -> str:
    """An event with the number of open incidents and the worst state, for the script that updates the page's frame."""
    found = incidents_open(viewer=viewer_of(request))
    worst = "silent" if found.is_any_silent else "late" if found.number else "calm"
    return json.dumps({"roost:open": {"count": counted_words(found.number, OPEN_COUNTED_MOST), "worst": worst}})


def refusal_show(form: forms.Form, refusal: DomainError, **renamed: str) -> None:
    """Show a refusal at the form's field that it concerns, else above the form. `renamed`: field names in this form."""
    field = refusal.field if isinstance(refusal, InvalidInput) else ""
    field = renamed.get(field, field)
    form.add_error(field if field in form.fields else None, str(refusal))


def act(request: HttpRequest, action: Callable[[], object], *, done: str) -> bool:
    """Make one domain call and leave its outcome as a message for the next page; False if it was refused.

    `NotFound` and `Forbidden` have pages of their own.
    """
    try:
        action()
    except (NotFound, Forbidden):
        raise
    except DomainError as error:
        messages.error(request, str(error))
        return False
    messages.success(request, done)
    return True
