"""`/models`: the catalogue of device models, shared ones and an organization's own."""

from http import HTTPStatus
from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.organizations.selectors import organization_find
from fleet.stations.models import StationModel
from fleet.stations.sorting.device_models import Quantity, model_create, model_delete, model_get, models_counted
from rest_api.authentication import viewer_of
from rest_api.lists import ListQuery, SortColumn, page_read
from rest_api.paging import page_of
from rest_api.questions import READ_PROBLEMS, WRITE_PROBLEMS, StrictSerializer, answers, body_read, query_read

_NAME, _ID = SortColumn("name"), SortColumn("id", int)


class QuantityData(StrictSerializer):
    """A quantity that devices of a model measure."""

    name = serializers.CharField(max_length=128, help_text="Name of its series.")
    unit = serializers.CharField(max_length=32, allow_blank=True, default="", help_text="In SenML notation.")
    least = serializers.FloatField(
        required=False, allow_null=True, default=None, help_text="Lower values are stored, but marked and not averaged."
    )
    most = serializers.FloatField(
        required=False,
        allow_null=True,
        default=None,
        help_text="Higher values are stored, but marked and not averaged.",
    )


class ModelIn(StrictSerializer):
    """A new model in an organization's own catalogue."""

    organization = serializers.SlugField()
    name = serializers.CharField(max_length=80)
    manufacturer = serializers.CharField(max_length=80, allow_blank=True, default="")
    kind = serializers.ChoiceField(choices=StationModel.Kind.choices, default=StationModel.Kind.OTHER)
    quantities = QuantityData(many=True, required=False)


class ModelOut(serializers.Serializer[Any]):
    """A device model. Shared by everybody if it has no organization."""

    id = serializers.IntegerField()
    organization = serializers.CharField(allow_null=True)
    manufacturer = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=StationModel.Kind.choices)
    quantities = QuantityData(many=True)
    stations = serializers.IntegerField(help_text="Number of your stations in service.")


ModelsOut = page_of("ModelsOut", ModelOut, "A page of models.")


def model_row(model: StationModel) -> dict[str, Any]:
    """A model of `models_counted` as the API shows it."""
    return {
        "id": model.pk,
        "organization": model.organization.slug if model.organization else None,
        "manufacturer": model.manufacturer,
        "name": model.name,
        "kind": model.kind,
        "quantities": [
            {"name": each.name, "unit": each.unit, "least": each.least, "most": each.most}
            for each in model.quantities.all()
        ],
        "stations": getattr(model, "stations_here", 0),
    }


class Models(APIView):
    """The catalogue of device models."""

    @extend_schema(
        operation_id="models_list", parameters=[ListQuery], responses=answers({200: ModelsOut}, *READ_PROBLEMS)
    )
    def get(self, request: Request) -> Response:
        """List shared models and those of your organizations."""
        columns = {"name": _NAME, "manufacturer": SortColumn("manufacturer"), "kind": SortColumn("kind")}
        page = page_read(
            request,
            query_read(request, ListQuery),
            models_counted(viewer=viewer_of(request)),
            columns=columns,
            usual="manufacturer,name",
            last=_ID,
        )
        return page.response(ModelsOut, model_row)

    @extend_schema(operation_id="models_create", request=ModelIn, responses=answers({201: ModelOut}, *WRITE_PROBLEMS))
    def post(self, request: Request) -> Response:
        """Add a model to an organization's own catalogue."""
        viewer = viewer_of(request)
        told = body_read(request, ModelIn)
        organization = organization_find(viewer=viewer, slug=told.pop("organization"))
        quantities = [Quantity(**each) for each in told.pop("quantities", [])]
        made = model_create(actor=viewer, organization=organization, quantities=quantities, **told)
        return Response(ModelOut(model_row(made)).data, status=HTTPStatus.CREATED)


class ModelDetail(APIView):
    """One model."""

    @extend_schema(operation_id="models_retrieve", responses=answers({200: ModelOut}, *READ_PROBLEMS))
    def get(self, request: Request, model_id: int) -> Response:
        """Show a model and what it measures."""
        return Response(ModelOut(model_row(model_get(viewer=viewer_of(request), model_id=model_id))).data)

    @extend_schema(operation_id="models_delete", responses=answers({204: None}, *WRITE_PROBLEMS))
    def delete(self, request: Request, model_id: int) -> Response:
        """Delete a model from your organization's own catalogue. Its stations are left without a model."""
        viewer = viewer_of(request)
        model_delete(actor=viewer, model=model_get(viewer=viewer, model_id=model_id))
        return Response(status=HTTPStatus.NO_CONTENT)


urlpatterns = [
    path("models", Models.as_view(), name="models"),
    path("models/<int:model_id>", ModelDetail.as_view(), name="model"),
]
