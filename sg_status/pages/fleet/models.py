"""The catalogue of device models: the list, what each measures, and adding one."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from fleet.core.errors import InvalidInput
from fleet.organizations.access import Viewer
from fleet.organizations.models import Membership
from fleet.stations.models import StationModel
from fleet.stations.sorting.device_models import model_create, model_delete, model_get, models_counted
from sg_status.access import act, page, refusal_show
from sg_status.pages.fleet.forms import KINDS, ModelAddForm

_OPERATOR = Membership.Role.OPERATOR


@page
@require_http_methods(["GET", "HEAD", "POST"])
def models(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """The shared models and the viewer's own; POST adds one."""
    mine = viewer.organization_ids(_OPERATOR)
    form = ModelAddForm(mine, request.POST if request.method == "POST" else None)
    if request.method == "POST":
        viewer.require_somewhere(_OPERATOR, to=_("add models"))
        if form.is_valid() and (made := _create(viewer, form)):
            messages.success(request, _("The model %(name)s is added.") % {"name": made})
            return redirect("models")
    words = dict(KINDS)
    rows = [
        (model, words[StationModel.Kind(model.kind)], model.organization_id in mine)
        for model in models_counted(viewer=viewer)
    ]
    return render(request, "sg_status/fleet/models.html", {"rows": rows, "form": form if mine else None})


@page
@require_POST
def model_gone(request: HttpRequest, viewer: Viewer, model_id: int) -> HttpResponse:
    """Delete one's own model; its stations then have none."""
    found = model_get(viewer=viewer, model_id=model_id)
    done = _("The model %(name)s is deleted.") % {"name": found}
    act(request, lambda: model_delete(actor=viewer, model=found), done=done)
    return redirect("models")


def _create(viewer: Viewer, form: ModelAddForm) -> StationModel | None:
    filled = form.cleaned_data
    try:
        return model_create(
            actor=viewer,
            organization=filled["organization"],
            name=filled["name"],
            manufacturer=filled["manufacturer"],
            kind=filled["kind"],
            quantities=form.measured(),
        )
    except InvalidInput as error:
        refusal_show(form, error)
    return None


urlpatterns = [
    path("models/", models, name="models"),
    path("models/<int:model_id>/delete/", model_gone, name="model-delete"),
]
