"""Models, tags, groups and saved filters: who may change them, what they contain, and what they find."""

import pytest
from people import SERVER, person, station_of

from fleet.core.errors import Forbidden, InvalidInput, NotFound
from fleet.stations.models import StationContact, StationModel, Tag
from fleet.stations.selectors import station_list
from fleet.stations.sorting.device_models import (
    Quantity,
    model_create,
    model_delete,
    model_list,
    models_counted,
    station_model_set,
)
from fleet.stations.sorting.groups import (
    group_create,
    group_delete,
    group_get,
    group_list,
    group_member_set,
    group_update,
)
from fleet.stations.sorting.saved_filters import FILTERS_MOST, filter_delete, filter_list, filter_save
from fleet.stations.sorting.tags import station_tags_set, tag_list, tags_read

pytestmark = pytest.mark.django_db


def serials(stations):
    return {station.serial for station in stations}


def test_everybody_has_the_known_models_and_only_members_their_own(owner, operator, viewer, stranger, institute):
    StationModel.objects.create(name="Everybody's")
    known = model_list(viewer=stranger).count()
    made = model_create(
        actor=operator, organization=institute, name="Owl 3", quantities=[Quantity("co2", "ppm"), Quantity("rh")]
    )
    assert [str(q) for q in made.quantities.order_by("id")] == ["co2 [ppm]", "rh"]
    assert model_list(viewer=viewer).count() == known + 1
    assert model_list(viewer=stranger).count() == known
    with pytest.raises(InvalidInput, match="already"):
        model_create(actor=operator, organization=institute, name="OWL 3")
    with pytest.raises(Forbidden):
        model_create(actor=viewer, organization=institute, name="Owl 4")
    with pytest.raises(Forbidden):
        model_delete(actor=owner, model=StationModel.objects.filter(organization=None).first())


@pytest.mark.parametrize(
    ("field", "wrong"),
    [("name", {"name": " "}), ("kind", {"kind": "bird"}), ("quantities", {"quantities": [Quantity("co2 (ppm)")]})],
)
def test_a_model_that_cannot_be_says_where(operator, institute, field, wrong):
    with pytest.raises(InvalidInput) as refused:
        model_create(actor=operator, organization=institute, **{"name": "Owl", **wrong})
    assert refused.value.field == field


def test_stations_of_a_model_are_found_and_counted(operator, institute, elsewhere, stranger):
    owl = model_create(actor=operator, organization=institute, name="Owl")
    first, _second, foreign = station_of(institute), station_of(institute), station_of(elsewhere)
    station_model_set(actor=operator, station=first, model=owl)
    assert serials(station_list(viewer=operator, model=owl.pk)) == {first.serial}
    assert {m.name: m.stations_here for m in models_counted(viewer=operator)}["Owl"] == 1
    with pytest.raises(InvalidInput):
        station_model_set(actor=SERVER, station=foreign, model=owl)
    model_delete(actor=operator, model=owl)
    first.refresh_from_db()
    assert first.model is None


def test_a_tag_is_one_word_however_written_and_goes_with_its_last_station(operator, viewer, stranger, institute):
    first, second = station_of(institute), station_of(institute)
    assert station_tags_set(actor=operator, station=first, names=["Solar", "north  coast"]) == ["Solar", "north coast"]
    assert station_tags_set(actor=operator, station=second, names=["solar"]) == ["Solar"]
    assert serials(station_list(viewer=viewer, tag="SOLAR")) == {first.serial, second.serial}
    assert [(tag.name, tag.stations_here) for tag in tag_list(viewer=viewer)] == [("Solar", 2), ("north coast", 1)]
    assert not tag_list(viewer=stranger)
    station_tags_set(actor=operator, station=first, names=[])
    assert [tag.name for tag in Tag.objects.all()] == ["Solar"]
    with pytest.raises(Forbidden):
        station_tags_set(actor=viewer, station=first, names=["mine"])


@pytest.mark.parametrize("line", ["x" * 41, "a\x00b", ",".join(f"t{n}" for n in range(21))])
def test_tags_that_cannot_be_are_refused(line):
    with pytest.raises(InvalidInput):
        tags_read(line)


def test_a_group_holds_who_was_put_into_it_and_who_meets_its_rule(operator, viewer, institute, elsewhere):
    near, far, foreign = station_of(institute), station_of(institute), station_of(elsewhere)
    StationContact.objects.filter(station__in=[near, foreign]).update(address="10.4.7.1")
    StationContact.objects.filter(station=far).update(address="fd00::9")
    group = group_create(actor=operator, organization=institute, name="Lab", rule="address", value="10.4.0.9/16")
    assert group.value == "10.4.0.0/16"
    assert serials(station_list(viewer=operator, group=group.pk)) == {near.serial}
    group_member_set(actor=operator, group=group, station=far, is_member=True)
    assert serials(station_list(viewer=operator, group=group.pk)) == {near.serial, far.serial}
    with pytest.raises(InvalidInput):
        group_member_set(actor=SERVER, group=group, station=foreign, is_member=True)
    group_member_set(actor=operator, group=group, station=far, is_member=False)
    # Even somebody who sees all stations finds only the organization's own in its group.
    assert serials(station_list(viewer=SERVER, group=group.pk)) == {near.serial}
    group_update(actor=operator, group=group, name="Far", rule="serial", value=far.serial.lower())
    assert serials(station_list(viewer=viewer, group=group.pk)) == {far.serial}
    station_tags_set(actor=operator, station=near, names=["roof"])
    group_update(actor=operator, group=group, name="Roofs", rule="tag", value="Roof")
    assert serials(station_list(viewer=viewer, group=group.pk)) == {near.serial}


def test_a_group_of_others_is_not_there(stranger, operator, institute):
    group = group_create(actor=operator, organization=institute, name="Lab")
    assert not group_list(viewer=stranger)
    with pytest.raises(NotFound):
        group_get(viewer=stranger, group_id=group.pk)
    with pytest.raises(NotFound):
        station_list(viewer=stranger, group=group.pk)
    with pytest.raises(Forbidden):
        group_delete(actor=stranger, group=group)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("name", {"name": ""}),
        ("rule", {"rule": "colour", "value": "red"}),
        ("value", {"rule": "address", "value": "10.0.0.300/8"}),
        ("value", {"rule": "serial", "value": ""}),
        ("name", {"name": "LAB"}),
    ],
)
def test_a_group_that_cannot_be_says_where(operator, institute, field, wrong):
    group_create(actor=operator, organization=institute, name="Lab")
    with pytest.raises(InvalidInput) as refused:
        group_create(actor=operator, organization=institute, **{"name": "Other", **wrong})
    assert refused.value.field == field


def test_groups_of_every_rule_cost_no_more_queries_with_more_stations(operator, institute, django_assert_num_queries):
    group = group_create(actor=operator, organization=institute, name="All", rule="serial", value="SG")
    for _round in range(2):
        for _ in range(4):
            station_of(institute)
        with django_assert_num_queries(2):
            list(station_list(viewer=operator, group=group.pk))


def test_a_person_keeps_views_of_the_fleet(institute):
    user, other = person("keeper"), person("other")
    kept = filter_save(user=user, name="Silent in the north", query="state=silent&tag=north&page=7&csrf=x")
    assert kept.query == "state=silent&tag=north"
    assert filter_save(user=user, name="silent in the North", query="?state=late").pk == kept.pk
    assert [one.name for one in filter_list(user=user)] == ["silent in the North"]
    assert not filter_list(user=other)
    with pytest.raises(NotFound):
        filter_delete(user=other, filter_id=kept.pk)
    filter_delete(user=user, filter_id=kept.pk)
    with pytest.raises(InvalidInput):
        filter_save(user=user, name="Empty", query="page=3")
    for number in range(FILTERS_MOST):
        filter_save(user=user, name=f"View {number}", query="state=late")
    with pytest.raises(InvalidInput):
        filter_save(user=user, name="One more", query="state=late")
