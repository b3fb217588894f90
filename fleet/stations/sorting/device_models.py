"""The catalogue of device models and what they measure."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _

from fleet.core.audit import audit
from fleet.core.errors import Forbidden, InvalidInput, NotFound
from fleet.organizations.access import Role, Viewer
from fleet.organizations.models import Organization
from fleet.organizations.services import text_check
from fleet.stations.models import Station
from fleet.stations.models.sorting import ModelQuantity, StationModel
from fleet.stations.serials import serial_grammar
from message_queue.contracts.readings import name_check
from message_queue.errors import MessageRefused

_NAME_MOST, _UNIT_MOST, QUANTITIES_MOST = 80, 32, 100


class Quantity(NamedTuple):
    """A quantity that a device measures: the name of its series, its SenML unit, and the range of possible values."""

    name: str
    unit: str = ""
    least: float | None = None
    most: float | None = None


def model_list(*, viewer: Viewer) -> QuerySet[StationModel]:
    """Models for everybody and those of the viewer's organizations, with their quantities."""
    models = StationModel.objects.select_related("organization").prefetch_related("quantities")
    models = models.filter(Q(organization=None) | viewer.organizations("organization__"))
    return models.order_by("manufacturer", "name", "id")


def model_get(*, viewer: Viewer, model_id: int) -> StationModel:
    """One model. Raises `NotFound`."""
    found = model_list(viewer=viewer).filter(pk=model_id).first()
    if found is None:
        raise NotFound(_("There is no model %(number)s that you may see.") % {"number": model_id})
    return found


def model_quantity_names(*, station: Station) -> list[str]:
    """Names of the series that devices of the station's model measure; none for a receiver, which hears tags."""
    if station.model_id is None:
        return []
    found = ModelQuantity.objects.filter(model=station.model_id).exclude(model__kind=StationModel.Kind.RECEIVER)
    return list(found.order_by("id").values_list("name", flat=True)[:QUANTITIES_MOST])


@transaction.atomic
def model_create(
    *,
    actor: Viewer,
    organization: Organization,
    name: str,
    manufacturer: str = "",
    kind: str = StationModel.Kind.OTHER,
    quantities: Sequence[Quantity] = (),
) -> StationModel:
    """Add a model to an organization. Raises `InvalidInput` naming the field."""
    actor.require(Role.OPERATOR, organization=organization, to=_("add a model to %(name)s"))
    name = text_check(name, field="name", most=_NAME_MOST)
    manufacturer = text_check(manufacturer, field="manufacturer", most=_NAME_MOST, may_be_empty=True)
    if kind not in StationModel.Kind.values:
        raise InvalidInput(
            _("There is no kind %(kind)s: use one of %(kinds)s.")
            % {"kind": repr(kind[:40]), "kinds": ", ".join(StationModel.Kind.values)},
            field="kind",
        )
    measured = [_quantity_check(quantity) for quantity in quantities]
    if len(measured) > QUANTITIES_MOST or len({quantity.name for quantity in measured}) < len(measured):
        raise InvalidInput(
            _("A model can have at most %(most)d quantities, each with its own name.") % {"most": QUANTITIES_MOST},
            field="quantities",
        )
    try:
        with transaction.atomic():
            model = StationModel.objects.create(
                organization=organization, name=name, manufacturer=manufacturer, kind=kind
            )
    except IntegrityError as error:
        raise InvalidInput(
            _("There is already a model %(name)s: choose another name.") % {"name": repr(name)}, field="name"
        ) from error
    ModelQuantity.objects.bulk_create([ModelQuantity(model=model, **quantity._asdict()) for quantity in measured])
    audit(actor, model, "model.create")
    return model


@transaction.atomic
def model_delete(*, actor: Viewer, model: StationModel) -> None:
    """Delete an organization's own model; its stations then have no model."""
    if model.organization_id is None:
        raise Forbidden(_("This model is shared by all organizations and cannot be deleted."))
    actor.require(Role.OPERATOR, organization=model.organization_id, to=_("delete a model"))
    audit(actor, model, "model.delete")
    model.delete()


def model_guessed(*, station: Station) -> StationModel | None:
    """The model that the serial suggests, if nobody has set one. The organization's own models come before shared ones.

    Nothing is stored: it remains a guess until a person confirms it. None if no model or more than one fits.
    """
    grammar = serial_grammar(station.serial)
    if station.model_id is not None or grammar is None:
        return None
    known = StationModel.objects.filter(Q(organization=None) | Q(organization=station.organization_id))
    of_kind = [model for model in known.order_by("id") if _is_named(model, grammar.name)]
    own = [model for model in of_kind if model.organization_id is not None]
    likely = own or of_kind
    return likely[0] if len(likely) == 1 else None


def _is_named(model: StationModel, name: str) -> bool:
    """Whether each word of the name begins a word of the model's name: `Lotek SRX` matches a Lotek SRX800."""
    words = re.findall(r"\w+", str(model).casefold())
    return all(any(word.startswith(part) for word in words) for part in name.casefold().split())


@transaction.atomic
def station_model_set(*, actor: Viewer, station: Station, model: StationModel | None) -> None:
    """Set a station's model."""
    actor.require(Role.OPERATOR, station=station, to=_("change %(serial)s"))
    if model is not None and model.organization_id not in (None, station.organization_id):
        raise InvalidInput(_("This model belongs to a different organization than the station."), field="model")
    if station.model_id == (model.pk if model else None):
        return
    station.model = model
    station.save(update_fields=["model"])
    audit(actor, station, "station.model", model=str(model) if model else None)


def models_counted(*, viewer: Viewer) -> QuerySet[StationModel]:
    """The models of `model_list`, with `stations_here`: how many of the viewer's stations in service have each."""
    in_service = Q(stations__retired_at=None) & viewer.organizations("stations__organization__")
    return model_list(viewer=viewer).annotate(stations_here=Count("stations", filter=in_service))


def _quantity_check(quantity: Quantity) -> Quantity:
    try:
        name = name_check(quantity.name.strip())
    except MessageRefused as error:
        raise InvalidInput(str(error), field="quantities") from error
    unit = text_check(quantity.unit, field="quantities", most=_UNIT_MOST, may_be_empty=True)
    if quantity.least is not None and quantity.most is not None and quantity.least >= quantity.most:
        raise InvalidInput(
            _("The smallest value of %(name)s must be below the largest.") % {"name": name}, field="quantities"
        )
    return Quantity(name, unit, quantity.least, quantity.most)
