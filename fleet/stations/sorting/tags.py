"""Tags: words that an organization attaches to its stations."""

from collections.abc import Iterable

from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _

from fleet.core.audit import audit
from fleet.core.errors import InvalidInput
from fleet.organizations.access import Role, Viewer
from fleet.organizations.models import Organization
from fleet.organizations.services import text_check
from fleet.stations.models import Station
from fleet.stations.models.sorting import Tag

_NAME_MOST, TAGS_MOST = 40, 20


def tag_list(*, viewer: Viewer) -> QuerySet[Tag]:
    """The tags of the viewer's organizations by name, with `stations_here`: how many stations in service have it."""
    tags = Tag.objects.filter(viewer.organizations("organization__"))
    counted = tags.annotate(stations_here=Count("stations", filter=Q(stations__retired_at=None)))
    return counted.select_related("organization").order_by("name", "id")


def tags_read(text: str) -> list[str]:
    """Parse a line of tags such as `north coast, solar`, without duplicates in another case. Raises `InvalidInput`."""
    return tags_check(part for part in text.split(",") if part.strip())


def tags_check(names: Iterable[str]) -> list[str]:
    """Validate tag names. Raises `InvalidInput`."""
    found: dict[str, str] = {}
    for name in names:
        clean = " ".join(text_check(name, field="tags", most=_NAME_MOST).split())
        if "," in clean:
            raise InvalidInput(_("A tag cannot contain a comma: commas separate tags."), field="tags")
        found.setdefault(clean.casefold(), clean)
    if len(found) > TAGS_MOST:
        raise InvalidInput(_("A station can have at most %(most)d tags.") % {"most": TAGS_MOST}, field="tags")
    return list(found.values())


@transaction.atomic
def station_tags_set(*, actor: Viewer, station: Station, names: Iterable[str]) -> list[str]:
    """Give a station exactly these tags, and delete tags that no station has any longer. Raises `InvalidInput`."""
    actor.require(Role.OPERATOR, station=station, to=_("change %(serial)s"))
    wanted = tags_check(names)
    _tags_lock(station)
    return _tags_write(actor, station, wanted)


@transaction.atomic
def station_tag_add(*, actor: Viewer, station: Station, name: str) -> bool:
    """Give a station one more tag; False if it had it. Raises `InvalidInput` if it has too many."""
    return _tag_change(actor, station, name, is_added=True)


@transaction.atomic
def station_tag_remove(*, actor: Viewer, station: Station, name: str) -> bool:
    """Take one tag from a station; False if it did not have it."""
    return _tag_change(actor, station, name, is_added=False)


def _tag_change(actor: Viewer, station: Station, name: str, *, is_added: bool) -> bool:
    actor.require(Role.OPERATOR, station=station, to=_("change %(serial)s"))
    _tags_lock(station)
    before = [tag.name for tag in station.tags.all()]
    others = [other for other in before if other.casefold() != name.casefold()]
    if (len(others) < len(before)) == is_added:
        return False
    _tags_write(actor, station, tags_check([*others, name] if is_added else others))
    return True


def _tags_lock(station: Station) -> None:
    # One change of tags at a time in an organization, so that nobody creates a tag twice or deletes one in use.
    Organization.objects.select_for_update(of=("self",)).get(pk=station.organization_id)


def _tags_write(actor: Viewer, station: Station, wanted: list[str]) -> list[str]:
    known = {tag.name.casefold(): tag for tag in Tag.objects.filter(organization=station.organization_id)}
    tags = [
        known.get(name.casefold()) or Tag.objects.create(organization_id=station.organization_id, name=name)
        for name in wanted
    ]
    before = {tag.name for tag in station.tags.all()}
    after = {tag.name for tag in tags}
    if before == after:
        return sorted(after)
    station.tags.set(tags)
    Tag.objects.filter(organization=station.organization_id, stations=None).delete()
    audit(actor, station, "station.tags", tags=sorted(after))
    return sorted(after)
