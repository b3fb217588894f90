"""The database itself refuses rows that would join two organizations, and concurrent changes wait for each other."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, connection, transaction
from lock_waits import waiting_for_a_lock
from people import SERVER, key_of, station_of
from waiting import PATIENCE_S

from fleet.core import clock
from fleet.core.errors import Forbidden
from fleet.deployments.models import Deployment, Room
from fleet.deployments.publishing import deployment_publish
from fleet.deployments.services import deployment_begin, deployment_end
from fleet.deployments.sites import room_create, site_create
from fleet.files.models import Photo
from fleet.lifecycle.move_station import station_move
from fleet.organizations.keys import api_key_find
from fleet.stations.models import Station
from fleet.stations.sorting.device_models import model_create, station_model_set
from fleet.stations.sorting.groups import group_create, group_member_set
from fleet.stations.sorting.tags import station_tags_set

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(institute, elsewhere, point, cut):
    """Ids of two stations, one in each organization, and of the first one's rows, which the tests corrupt."""
    ours, theirs = station_of(institute), station_of(elsewhere)
    foreign = site_create(organization=elsewhere, actor=SERVER, name="Foreign")
    deployment = deployment_begin(station=ours, site=point, actor=SERVER)
    model = model_create(actor=SERVER, organization=institute, name="Owl")
    station_model_set(actor=SERVER, station=ours, model=model)
    station_tags_set(actor=SERVER, station=ours, names=["roof"])
    group = group_create(actor=SERVER, organization=institute, name="Lab")
    group_member_set(actor=SERVER, group=group, station=ours, is_member=True)
    key = api_key_find(secret=key_of(institute))
    key.stations.set([ours.pk])
    photo = Photo.objects.create(
        station=ours, deployment=deployment, name="p", width=1, height=1, octets=1, added_at=clock.now()
    )
    found = {
        "ours": ours.pk, "theirs": theirs.pk, "foreign": foreign.pk, "deployment": deployment.pk, "model": model.pk,
        "tag": ours.tags.get().pk, "group": group.pk, "key": key.pk, "photo": photo.pk, "point": point.pk,
        "room": room_create(site=cut, actor=SERVER, name="Attic").pk, "elsewhere": elsewhere.pk,
    }  # fmt: skip
    check_constraints()
    return found


def check_constraints() -> None:
    """Check the deferred constraints now."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


REFUSED = "another organization|deployment_room_at_its_site|photo_deployment_of_its_station"


def commit(statement: str, values: dict[str, object]) -> None:
    """Execute the statement, and check the constraints that a commit would check."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)
        check_constraints()


WRONG = {
    "deployment at a foreign site": "UPDATE deployments_deployment SET site_id = %(foreign)s WHERE id = %(deployment)s",
    "deployment of a foreign station": "UPDATE deployments_deployment SET station_id = %(theirs)s WHERE id = %(deployment)s",
    "new deployment at a foreign site": "INSERT INTO deployments_deployment (station_id, site_id, period, placed_by_name) "
    "VALUES (%(theirs)s, %(point)s, '[2020-01-01,2020-02-01)', '')",
    "room of another site": "UPDATE deployments_deployment SET room_id = %(room)s WHERE id = %(deployment)s",
    "room that goes to another site": "UPDATE deployments_deployment d SET room_id = %(room)s, "
    "site_id = (SELECT site_id FROM deployments_room WHERE id = %(room)s) WHERE d.id = %(deployment)s; "
    "UPDATE deployments_room SET site_id = %(point)s WHERE id = %(room)s",
    "photo of another station's deployment": "UPDATE files_photo SET station_id = %(theirs)s WHERE id = %(photo)s",
    "tag on a foreign station": "INSERT INTO stations_tag_stations (tag_id, station_id) VALUES (%(tag)s, %(theirs)s)",
    "group with a foreign station": "INSERT INTO stations_stationgroup_members (stationgroup_id, station_id) "
    "VALUES (%(group)s, %(theirs)s)",
    "key for a foreign station": "INSERT INTO organizations_apikey_stations (apikey_id, station_id) "
    "VALUES (%(key)s, %(theirs)s)",
    "model of another organization": "UPDATE stations_station SET model_id = %(model)s WHERE id = %(theirs)s",
    "station that leaves all behind": "UPDATE stations_station SET organization_id = %(elsewhere)s WHERE id = %(ours)s",
    "site that goes": "UPDATE deployments_site SET organization_id = %(elsewhere)s WHERE id = %(point)s",
    "tag that goes": "UPDATE stations_tag SET organization_id = %(elsewhere)s WHERE id = %(tag)s",
    "group that goes": "UPDATE stations_stationgroup SET organization_id = %(elsewhere)s WHERE id = %(group)s",
    "model that goes": "UPDATE stations_stationmodel SET organization_id = %(elsewhere)s WHERE id = %(model)s",
    "key that goes": "UPDATE organizations_apikey SET organization_id = %(elsewhere)s WHERE id = %(key)s",
}


@pytest.mark.parametrize("statement", WRONG.values(), ids=WRONG.keys())
def test_what_joins_two_organizations_is_refused(world, statement):
    with pytest.raises(IntegrityError, match=REFUSED):
        commit(statement, world)


@pytest.mark.parametrize(
    "left",
    [
        "deployments_deployment",
        "stations_tag_stations",
        "stations_stationgroup_members",
        "organizations_apikey_stations",
    ],
)
def test_a_station_goes_only_when_nothing_of_it_stays_behind(world, left):
    """Each of these rows alone blocks the move."""
    Photo.objects.all().delete()
    Station.objects.update(model=None)
    with connection.cursor() as cursor:
        for table in ("deployments_deployment", "stations_tag_stations", "stations_stationgroup_members"):
            if table != left:
                cursor.execute(f"DELETE FROM {table}")
        if left != "organizations_apikey_stations":
            cursor.execute("DELETE FROM organizations_apikey_stations")
    with pytest.raises(IntegrityError, match="of another organization"):
        commit("UPDATE stations_station SET organization_id = %(elsewhere)s WHERE id = %(ours)s", world)


def test_a_move_with_the_history_leaves_nothing_behind(world, elsewhere):
    station = Station.objects.get(pk=world["ours"])
    station_move(actor=SERVER, station=station, organization=elsewhere, history="goes")
    check_constraints()
    moved = Deployment.objects.select_related("site").get(pk=world["deployment"])
    assert (moved.site.organization_id, moved.room_id) == (elsewhere.pk, None)


def test_a_room_that_is_deleted_leaves_its_deployments(world, point, operator):
    room = room_create(site=point, actor=operator, name="Cellar")
    Deployment.objects.filter(pk=world["deployment"]).update(room=room)
    check_constraints()
    Room.objects.get(pk=room.pk).delete()
    check_constraints()
    assert Deployment.objects.get(pk=world["deployment"]).room_id is None


def _meanwhile(first, second):
    """Call `first`; call `second` before that has committed, and check that it waits. Return the result of `second`."""

    def other():
        try:
            return second()
        except Forbidden as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            first()
            told = pool.submit(other)
            for _turn in range(100_000):
                if told.done() or waiting_for_a_lock():
                    break
            assert not told.done(), "the second call did not wait for the first"
        return told.result(timeout=PATIENCE_S)


@pytest.mark.django_db(transaction=True)
def test_publishing_waits_for_a_move_and_publishes_nothing_of_another_organization(
    institute, elsewhere, point, operator
):
    made = deployment_begin(station=station_of(institute), site=point, actor=operator)
    told = _meanwhile(
        lambda: station_move(
            actor=SERVER, station=Station.objects.get(pk=made.station_id), organization=elsewhere, history="goes"
        ),
        lambda: deployment_publish(deployment=made, actor=operator, is_public=True),
    )
    assert isinstance(told, Forbidden)
    assert not Deployment.objects.get().is_public


@pytest.mark.django_db(transaction=True)
def test_publishing_waits_for_an_end_and_keeps_it(institute, point, operator):
    made = deployment_begin(station=station_of(institute), site=point, actor=operator)
    told = _meanwhile(
        lambda: deployment_end(deployment=Deployment.objects.get(pk=made.pk), actor=operator),
        lambda: deployment_publish(deployment=made, actor=operator, is_public=True),
    )
    kept = Deployment.objects.get()
    assert kept.is_public
    assert kept.period.upper is not None
    assert told.period == kept.period
