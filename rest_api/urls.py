"""Addresses of the HTTP API, version 1."""

from django.urls import URLPattern, URLResolver, path, register_converter
from django.urls.converters import PathConverter

from rest_api.document import Docs, NothingHere, OpenApiDocument
from rest_api.v1.arrivals import ArrivalDecisions, Arrivals, ArrivalUnblock, Registration
from rest_api.v1.audit import Audit
from rest_api.v1.claims import ClaimDetail, Claims, Waiting
from rest_api.v1.commands import CommandCancel, CommandDetail, Commands
from rest_api.v1.completeness import CompletenessView
from rest_api.v1.deployment_photos import DeploymentPhotos, PublicPhotoDetail, PublicPhotos
from rest_api.v1.deployments import DeploymentDetail, DeploymentPublication, Deployments
from rest_api.v1.detections import Detections, DetectionsFile
from rest_api.v1.enrolments import Enrolments
from rest_api.v1.events import Events
from rest_api.v1.fidelity import Fidelity
from rest_api.v1.files import FileMoves, FileMoveUndo, Files
from rest_api.v1.hardware import Hardware, HardwareDecision
from rest_api.v1.imports import Imports
from rest_api.v1.incidents import AlertMails, Incidents, Suspension
from rest_api.v1.invitations import InvitationAccept, InvitationDetail, InvitationResend, Invitations
from rest_api.v1.keys import KeyDetail, Keys
from rest_api.v1.ledger import BranchDecision, Ledger
from rest_api.v1.members import MemberDetail, Members, MemberTransfer
from rest_api.v1.notes import NoteDetail, Notes, PhotoDetail, Photos
from rest_api.v1.organizations import OrganizationDetail, OrganizationRestore, Organizations
from rest_api.v1.outside import Outside, OutsideCheck, StationOutside
from rest_api.v1.pace import OrganizationPace
from rest_api.v1.positions import Positions
from rest_api.v1.public_deployments import PublicDeploymentDetail, PublicDeployments
from rest_api.v1.quarantine import (
    Quarantine,
    QuarantineBody,
    QuarantineDetail,
    QuarantineDiscard,
    QuarantineReplayOne,
    QuarantineReplays,
)
from rest_api.v1.series import Readings, ReadingsFile, SeriesList
from rest_api.v1.sites import RoomDetail, Rooms, SiteDetail, Sites
from rest_api.v1.sorting import FilterDetail, Filters, GroupDetail, GroupMember, Groups, ModelDetail, Models, Tags
from rest_api.v1.station_life import (
    StationDelete,
    StationMove,
    StationOffer,
    StationRetire,
    StationRevoke,
    StationRotate,
    StationToken,
    Transfers,
)
from rest_api.v1.stations import StationDetail, Stations
from rest_api.v1.time_shifts import TimeShifts, TimeShiftUndo


class Anything(PathConverter):
    """What Django's own `path` leaves out too: addresses with a line break in them."""

    regex = r"[\s\S]+"


register_converter(Anything, "anything")

app_name = "api"
urlpatterns: list[URLPattern | URLResolver] = [
    path("openapi.json", OpenApiDocument.as_view(), name="openapi"),
    path("docs", Docs.as_view(), name="docs"),
    path("enrolments", Enrolments.as_view(), name="enrolments"),
    path("stations", Stations.as_view(), name="stations"),
    path("stations/arrivals", Arrivals.as_view(), name="arrivals"),
    path("stations/arrivals/decisions", ArrivalDecisions.as_view(), name="arrival-decisions"),
    path("stations/arrivals/<int:arrival_id>/unblock", ArrivalUnblock.as_view(), name="arrival-unblock"),
    path("stations/claims", Claims.as_view(), name="claims"),
    path("stations/claims/<str:code>", ClaimDetail.as_view(), name="claim"),
    path("stations/imports", Imports.as_view(), name="imports"),
    path("stations/waiting", Waiting.as_view(), name="waiting"),
    path("organizations/<slug:slug>/registration", Registration.as_view(), name="registration"),
    path("stations/<str:serial>", StationDetail.as_view(), name="station"),
    path("stations/<str:serial>/retire", StationRetire.as_view(), name="station-retire"),
    path("stations/<str:serial>/rotate", StationRotate.as_view(), name="station-rotate"),
    path("stations/<str:serial>/revoke", StationRevoke.as_view(), name="station-revoke"),
    path("stations/<str:serial>/token", StationToken.as_view(), name="station-token"),
    path("stations/<str:serial>/outside", StationOutside.as_view(), name="station-outside"),
    path("stations/<str:serial>/branches/<int:branch_id>", BranchDecision.as_view(), name="branch"),
    path("stations/<str:serial>/move", StationMove.as_view(), name="station-move"),
    path("stations/<str:serial>/offer", StationOffer.as_view(), name="station-offer"),
    path("stations/<str:serial>/delete", StationDelete.as_view(), name="station-delete"),
    path("stations/<str:serial>/notes", Notes.as_view(), name="notes"),
    path("stations/<str:serial>/notes/<int:note_id>", NoteDetail.as_view(), name="note"),
    path("stations/<str:serial>/photos", Photos.as_view(), name="photos"),
    path("stations/<str:serial>/photos/<str:name>", PhotoDetail.as_view(), name="photo"),
    path("transfers", Transfers.as_view(), name="transfers"),
    path("stations/<str:serial>/series", SeriesList.as_view(), name="series"),
    path("stations/<str:serial>/series/<path:name>/readings", Readings.as_view(), name="readings"),
    path("stations/<str:serial>/series/<path:name>/readings.csv", ReadingsFile.as_view(), name="readings-file"),
    path("stations/<str:serial>/detections.csv", DetectionsFile.as_view(), name="detections-file"),
    path("stations/<str:serial>/detections", Detections.as_view(), name="detections"),
    path("stations/<str:serial>/positions", Positions.as_view(), name="positions"),
    path("stations/<str:serial>/hardware", Hardware.as_view(), name="hardware"),
    path("stations/<str:serial>/hardware/<int:pair_id>", HardwareDecision.as_view(), name="hardware-pair"),
    path("stations/<str:serial>/files", Files.as_view(), name="files"),
    path("stations/<str:serial>/files/moves", FileMoves.as_view(), name="file-moves"),
    path("stations/<str:serial>/files/moves/<int:move_id>/undo", FileMoveUndo.as_view(), name="file-move-undo"),
    path("stations/<str:serial>/time-shifts", TimeShifts.as_view(), name="time-shifts"),
    path("stations/<str:serial>/time-shifts/<int:shift_id>/undo", TimeShiftUndo.as_view(), name="time-shift-undo"),
    path("stations/<str:serial>/events", Events.as_view(), name="events"),
    path("stations/<str:serial>/ledger", Ledger.as_view(), name="ledger"),
    path("stations/<str:serial>/commands", Commands.as_view(), name="commands"),
    path("stations/<str:serial>/commands/<uuid:command_id>", CommandDetail.as_view(), name="command"),
    path("stations/<str:serial>/commands/<uuid:command_id>/cancel", CommandCancel.as_view(), name="command-cancel"),
    path("completeness", CompletenessView.as_view(), name="completeness"),
    path("quarantine", Quarantine.as_view(), name="quarantine"),
    path("quarantine/replays", QuarantineReplays.as_view(), name="quarantine-replays"),
    path("quarantine/<int:message_id>", QuarantineDetail.as_view(), name="quarantine-message"),
    path("quarantine/<int:message_id>/body", QuarantineBody.as_view(), name="quarantine-body"),
    path("quarantine/<int:message_id>/replay", QuarantineReplayOne.as_view(), name="quarantine-replay"),
    path("quarantine/<int:message_id>/discard", QuarantineDiscard.as_view(), name="quarantine-discard"),
    path("organizations", Organizations.as_view(), name="organizations"),
    path("organizations/<slug:slug>", OrganizationDetail.as_view(), name="organization"),
    path("organizations/<slug:slug>/restore", OrganizationRestore.as_view(), name="organization-restore"),
    path("organizations/<slug:slug>/members", Members.as_view(), name="members"),
    path("organizations/<slug:slug>/members/<str:username>", MemberDetail.as_view(), name="member"),
    path("organizations/<slug:slug>/members/<str:username>/transfer", MemberTransfer.as_view(), name="member-transfer"),
    path("organizations/<slug:slug>/invitations", Invitations.as_view(), name="invitations"),
    path("organizations/<slug:slug>/invitations/<int:invitation_id>", InvitationDetail.as_view(), name="invitation"),
    path(
        "organizations/<slug:slug>/invitations/<int:invitation_id>/resend",
        InvitationResend.as_view(),
        name="invitation-resend",
    ),
    path("organizations/<slug:slug>/keys", Keys.as_view(), name="keys"),
    path("organizations/<slug:slug>/keys/<str:prefix>", KeyDetail.as_view(), name="key"),
    path("organizations/<slug:slug>/audit", Audit.as_view(), name="audit"),
    path("invitations/accept", InvitationAccept.as_view(), name="invitation-accept"),
    path("sites", Sites.as_view(), name="sites"),
    path("sites/<int:site_id>", SiteDetail.as_view(), name="site"),
    path("rooms", Rooms.as_view(), name="rooms"),
    path("rooms/<int:room_id>", RoomDetail.as_view(), name="room"),
    path("deployments", Deployments.as_view(), name="deployments"),
    path("deployments/<int:deployment_id>", DeploymentDetail.as_view(), name="deployment"),
    path("deployments/<int:deployment_id>/publication", DeploymentPublication.as_view(), name="deployment-publication"),
    path("deployments/<int:deployment_id>/photos", DeploymentPhotos.as_view(), name="deployment-photos"),
    path("public/deployments/<uuid:public_id>/photos", PublicPhotos.as_view(), name="public-photos"),
    path("public/deployments/<uuid:public_id>/photos/<str:name>", PublicPhotoDetail.as_view(), name="public-photo"),
    path("public/deployments", PublicDeployments.as_view(), name="public-deployments"),
    path("public/deployments/<uuid:public_id>", PublicDeploymentDetail.as_view(), name="public-deployment"),
    path("organizations/<slug:slug>/alerts", AlertMails.as_view(), name="alerts"),
    path("organizations/<slug:slug>/pace", OrganizationPace.as_view(), name="organization-pace"),
    path("outside", Outside.as_view(), name="outside"),
    path("outside/<slug:system>/check", OutsideCheck.as_view(), name="outside-check"),
    path("incidents", Incidents.as_view(), name="incidents"),
    path("stations/<str:serial>/suspension", Suspension.as_view(), name="suspension"),
    path("fidelity", Fidelity.as_view(), name="fidelity"),
    path("models", Models.as_view(), name="models"),
    path("models/<int:model_id>", ModelDetail.as_view(), name="model"),
    path("tags", Tags.as_view(), name="tags"),
    path("groups", Groups.as_view(), name="groups"),
    path("groups/<int:group_id>", GroupDetail.as_view(), name="group"),
    path("groups/<int:group_id>/stations/<str:serial>", GroupMember.as_view(), name="group-member"),
    path("filters", Filters.as_view(), name="filters"),
    path("filters/<int:filter_id>", FilterDetail.as_view(), name="filter"),
    path("", NothingHere.as_view(), name="nothing"),
    path("<anything:rest>", NothingHere.as_view(), name="nothing-here"),
]
