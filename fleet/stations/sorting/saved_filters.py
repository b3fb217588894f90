"""A person's saved filters: views of the fleet page, stored as the query of its URL."""

from urllib.parse import parse_qsl, urlencode

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from fleet.core.errors import InvalidInput, NotFound
from fleet.organizations.services import text_check
from fleet.stations.models.sorting import SavedFilter

_NAME_MOST, _QUERY_MOST, FILTERS_MOST = 60, 500, 50
#: The query parameters of the fleet page that make up a view.
KEPT = ("q", "state", "sort", "organization", "tag", "group", "model", "site", "as", "show", "dense")


def filter_list(*, user: User) -> QuerySet[SavedFilter]:
    """A person's filters by name."""
    return SavedFilter.objects.filter(user=user).order_by("name", "id")


@transaction.atomic
def filter_save(*, user: User, name: str, query: str) -> SavedFilter:
    """Save a view under a name, replacing one with the same name. Raises `InvalidInput`."""
    name = text_check(name, field="name", most=_NAME_MOST)
    kept = urlencode(
        [(key, value) for key, value in parse_qsl(query.removeprefix("?")[: 4 * _QUERY_MOST]) if key in KEPT]
    )
    if not kept:
        raise InvalidInput(_("There is nothing to save: search, filter or choose columns first."), field="query")
    if len(kept) > _QUERY_MOST:
        raise InvalidInput(
            _("This view is longer than %(most)d characters: use fewer filters.") % {"most": _QUERY_MOST}, field="query"
        )
    User.objects.select_for_update().get(pk=user.pk)
    mine = filter_list(user=user)
    found = mine.filter(name__iexact=name).first()
    if found is None and mine.count() >= FILTERS_MOST:
        raise InvalidInput(_("You already have %(most)d saved filters: delete one first.") % {"most": FILTERS_MOST})
    if found is None:
        return SavedFilter.objects.create(user=user, name=name, query=kept)
    found.name, found.query = name, kept
    found.save(update_fields=["name", "query"])
    return found


def filter_delete(*, user: User, filter_id: int) -> None:
    """Delete one of a person's filters. Raises `NotFound`."""
    if not SavedFilter.objects.filter(user=user, pk=filter_id).delete()[0]:
        raise NotFound(_("You have no filter %(number)s.") % {"number": filter_id})
