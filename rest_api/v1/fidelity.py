"""`/fidelity`: how reachable each station is, in the four grades that other systems use."""

from http import HTTPStatus
from typing import Any, Final

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.stations.models import Station
from fleet.stations.selectors import SHOWN_STATES, station_list
from rest_api.authentication import viewer_of
from rest_api.lists import ListQuery, SortColumn, page_read
from rest_api.paging import page_of
from rest_api.questions import READ_PROBLEMS, answers, query_read

#: The grade of each state. A station that sleeps or is in maintenance counts as ALIVE, because that is planned.
GRADES: Final = {
    "on_time": "ALIVE",
    "asleep": "ALIVE",
    "maintenance": "ALIVE",
    "late": "MISSING",
    "silent": "DEAD",
    "never_seen": "UNKNOWN",
}
_NAMES: Final = ("ALIVE", "MISSING", "DEAD", "UNKNOWN")


class FidelityQuery(ListQuery):
    """Filters of the list."""

    fidelity = serializers.ChoiceField(required=False, choices=_NAMES, help_text="Only this grade.")
    organization = serializers.SlugField(required=False, help_text="Only this organization.")


class FidelityOut(serializers.Serializer[Any]):
    """A station in service with its grade."""

    serial = serializers.CharField()
    name = serializers.CharField()
    organization = serializers.CharField()
    fidelity = serializers.ChoiceField(choices=_NAMES)
    state = serializers.ChoiceField(choices=SHOWN_STATES, help_text="As in `/stations`.")
    last_contact_at = serializers.DateTimeField(allow_null=True)


FidelitiesOut = page_of("FidelitiesOut", FidelityOut, "A page of stations with their grades.")


def fidelity_row(station: Station) -> dict[str, Any]:
    """A station of `station_list` with its grade."""
    state = str(getattr(station, "shown_state", "never_seen"))
    return {
        "serial": station.serial,
        "name": station.name,
        "organization": station.organization.slug,
        "fidelity": GRADES[state],
        "state": state,
        "last_contact_at": station.contact.last_contact_at,
    }


class Fidelity(APIView):
    """Grades of the caller's stations."""

    @extend_schema(
        operation_id="fidelity_list",
        parameters=[FidelityQuery],
        responses=answers({HTTPStatus.OK.value: FidelitiesOut}, *READ_PROBLEMS),
    )
    def get(self, request: Request) -> Response:
        """List stations in service with their grades, by serial."""
        query = query_read(request, FidelityQuery)
        states = [state for state, grade in GRADES.items() if grade == query.get("fidelity")]
        rows = station_list(viewer=viewer_of(request), organization=query.get("organization", ""), state=states)
        serial = SortColumn("serial")
        page = page_read(request, query, rows, columns={"serial": serial}, usual="serial", last=SortColumn("id", int))
        return page.response(FidelitiesOut, fidelity_row)


urlpatterns = [
    path("fidelity", Fidelity.as_view(), name="fidelity"),
]
