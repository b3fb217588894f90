"""Groups of stations, made by hand, by a rule, or both; the database works out which stations belong to one."""

import ipaddress

from django.db import IntegrityError, transaction
from django.db.models import BooleanField, F, Func, GenericIPAddressField, Q, QuerySet, Value
from django.db.models.functions import Cast
from django.utils.translation import gettext as _

from fleet.core.audit import audit
from fleet.core.errors import InvalidInput, NotFound
from fleet.organizations.access import Role, Viewer
from fleet.organizations.models import Organization
from fleet.organizations.services import text_check
from fleet.stations.models import Station
from fleet.stations.models.sorting import StationGroup

_NAME_MOST, _VALUE_MOST, GROUPS_MOST = 80, 120, 200

Rule = StationGroup.Rule


class _InNetwork(Func):
    """Whether an address is in a network (PostgreSQL's `<<=`)."""

    template = "(%(expressions)s)"
    arg_joiner = " <<= "
    output_field = BooleanField()


def group_list(*, viewer: Viewer) -> QuerySet[StationGroup]:
    """The groups of the viewer's organizations by name."""
    groups = StationGroup.objects.select_related("organization").order_by("name", "id")
    return groups.filter(viewer.organizations("organization__"))


def group_get(*, viewer: Viewer, group_id: int) -> StationGroup:
    """One group. Raises `NotFound`."""
    found = group_list(viewer=viewer).filter(pk=group_id).first()
    if found is None:
        raise NotFound(_("There is no group %(number)s that you may see.") % {"number": group_id})
    return found


def group_condition(group: StationGroup) -> Q:
    """The condition for stations of the group. Never matches a station of another organization."""
    by_hand = Q(pk__in=StationGroup.members.through.objects.filter(stationgroup=group).values("station_id"))
    return Q(organization=group.organization_id) & (by_hand | _rule_condition(group))


@transaction.atomic
def group_create(
    *, actor: Viewer, organization: Organization, name: str, rule: str = Rule.NONE, value: str = ""
) -> StationGroup:
    """Create a group. Raises `InvalidInput` naming the field."""
    _operator_check(actor, organization.id)
    name, rule, value = _check_fields(name, rule, value)
    if StationGroup.objects.filter(organization=organization).count() >= GROUPS_MOST:
        raise InvalidInput(_("An organization can have at most %(most)d groups.") % {"most": GROUPS_MOST})
    try:
        with transaction.atomic():
            group = StationGroup.objects.create(organization=organization, name=name, rule=rule, value=value)
    except IntegrityError as error:
        raise _taken_refusal(name) from error
    audit(actor, group, "group.create", rule=group.rule, value=group.value)
    return group


@transaction.atomic
def group_update(*, actor: Viewer, group: StationGroup, name: str, rule: str, value: str) -> StationGroup:
    """Change a group's name or rule. Raises `InvalidInput` naming the field."""
    _operator_check(actor, group.organization_id)
    group.name, group.rule, group.value = _check_fields(name, rule, value)
    try:
        with transaction.atomic():
            group.save(update_fields=["name", "rule", "value"])
    except IntegrityError as error:
        raise _taken_refusal(name) from error
    audit(actor, group, "group.update", rule=group.rule, value=group.value)
    return group


@transaction.atomic
def group_delete(*, actor: Viewer, group: StationGroup) -> None:
    """Delete a group; its stations stay."""
    _operator_check(actor, group.organization_id)
    audit(actor, group, "group.delete", rule=group.rule, value=group.value)
    group.delete()


@transaction.atomic
def group_member_set(*, actor: Viewer, group: StationGroup, station: Station, is_member: bool) -> None:
    """Add a station to a group by hand, or remove it. Stations that match the rule belong to it in any case."""
    _operator_check(actor, group.organization_id)
    if station.organization_id != group.organization_id:
        raise InvalidInput(_("This station belongs to a different organization than the group."), field="station")
    if is_member:
        group.members.add(station)
    else:
        group.members.remove(station)
    audit(
        actor,
        group,
        "group.add" if is_member else "group.remove",
        rule=group.rule,
        value=group.value,
        station=station.serial,
    )


def _rule_condition(group: StationGroup) -> Q:
    match group.rule:
        case Rule.SERIAL:
            return Q(serial__istartswith=group.value)
        case Rule.ADDRESS:
            network = Cast(Value(group.value), GenericIPAddressField())
            inside = Station.objects.filter(_InNetwork(F("contact__address"), network))
            return Q(pk__in=inside.order_by().values("pk"))
        case Rule.TAG:
            return Q(pk__in=Station.tags.through.objects.filter(tag__name__iexact=group.value).values("station_id"))
        case Rule.MODEL:
            return Q(model__name__iexact=group.value)
    return Q(pk__in=[])


def _check_fields(name: str, rule: str, value: str) -> tuple[str, str, str]:
    name = text_check(name, field="name", most=_NAME_MOST)
    if rule not in Rule.values:
        raise InvalidInput(
            _("There is no rule %(rule)s: use one of %(rules)s, or none.")
            % {"rule": repr(rule[:40]), "rules": ", ".join(filter(None, Rule.values))},
            field="rule",
        )
    value = text_check(value, field="value", most=_VALUE_MOST, may_be_empty=rule == Rule.NONE)
    if rule == Rule.ADDRESS:
        try:
            value = str(ipaddress.ip_network(value, strict=False))
        except ValueError as error:
            raise InvalidInput(
                _("%(value)s is not a network: write it like 10.1.0.0/16 or 2001:db8::/32.") % {"value": repr(value)},
                field="value",
            ) from error
    return name, rule, "" if rule == Rule.NONE else value


def _operator_check(actor: Viewer, organization_id: int) -> None:
    actor.require(Role.OPERATOR, organization=organization_id, to=_("change groups"))


def _taken_refusal(name: str) -> InvalidInput:
    return InvalidInput(
        _("There is already a group %(name)s: choose another name.") % {"name": repr(name)}, field="name"
    )
