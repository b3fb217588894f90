"""The page of packages: the form without scripts, the list, and a download that is resumed at the byte."""

import pytest
from django.test import Client
from exports.conftest import MAY
from people import station_of

from fleet.deployments.models import Deployment, Site
from fleet.exports.making import packages_make
from fleet.exports.models import DataPackage, DataTerms

pytestmark = pytest.mark.django_db(transaction=True)
PLACE = "/organizations/institute/packages/"


@pytest.fixture(autouse=True)
def files_here(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


def client_of(who) -> Client:
    client = Client()
    client.force_login(who.user)
    return client


def asked(client, **more):
    told = {"kinds": ["readings"], "start": "2026-05-01", "end": "2026-06-30", "wanted": "csv", **more}
    return client.post(PLACE, told, follow=True)


def test_a_viewer_asks_and_downloads(station, viewer):
    client = client_of(viewer)
    assert "There are no packages yet" in client.get(PLACE).text
    page = asked(client, stations=[station.serial], is_clean="on")
    assert "The package is being made" in page.text
    assert "waiting for its turn" in page.text
    package = DataPackage.objects.get()
    assert (package.station_ids, package.kinds, package.is_clean) == ([station.pk], ["readings"], True)
    assert package.start_at == MAY
    packages_make()
    page = client.get(PLACE).text
    assert "2 rows left out" in page
    assert f"{PLACE}{package.pk}/data.zip" in page


def test_a_download_goes_on_at_the_byte(station, viewer):
    client = client_of(viewer)
    asked(client)
    packages_make()
    place = f"{PLACE}{DataPackage.objects.get().pk}/data.zip"
    whole = client.get(place, headers={"Accept-Encoding": "gzip"})
    data = b"".join(whole.streaming_content)
    assert int(whole["Content-Length"]) == len(data) == DataPackage.objects.get().bytes
    tag = whole["ETag"]

    def part(asked_for, **more):
        answer = client.get(place, headers={"Range": asked_for, "Accept-Encoding": "gzip", **more})
        return answer.status_code, b"".join(answer.streaming_content) if answer.streaming else answer.content

    assert part("bytes=100-") == (206, data[100:])
    assert part("bytes=100-", **{"If-Range": tag}) == (206, data[100:])
    assert part("bytes=0-9") == (206, data[:10])
    assert part("bytes=-7") == (206, data[-7:])
    assert part("bytes=5-99999999") == (206, data[5:])
    assert part("bytes=100-", **{"If-Range": '"another"'}) == (200, data)
    assert part("bytes=0-1,5-6") == (200, data)
    assert part(f"bytes={len(data)}-")[0] == 416
    assert part("bytes=9-3")[0] == 416
    head = client.head(place)
    assert (head.status_code, int(head["Content-Length"])) == (200, len(data))


def test_a_package_that_is_not_ready_says_so(station, viewer):
    client = client_of(viewer)
    asked(client)
    page = client.get(f"{PLACE}{DataPackage.objects.get().pk}/data.zip", follow=True)
    assert "This package has no file: it is waiting." in page.text


def test_a_wrong_question_stays_in_the_form(station, viewer):
    page = asked(client_of(viewer), end="2026-04-01")
    assert "must be later than" in page.text
    assert not DataPackage.objects.exists()
    page = asked(client_of(viewer), series="nothing")
    assert "None of these stations has a series" in page.text


def test_a_site_means_the_deployments_there(station, institute, elsewhere, viewer):
    client = client_of(viewer)
    other = station_of(institute)
    page = asked(client, site="Old Cut", stations=[other.serial])
    assert "No chosen station was at Old Cut in this period." in page.text
    page = asked(client, site="Old Cut", start="2020-05-01", end="2020-06-30")
    assert "No station was at Old Cut in this period." in page.text
    Site.objects.create(organization=elsewhere, name="Theirs")
    assert "Theirs" not in asked(client, site="Theirs").text.replace("Theirs is not one of", "")
    assert not DataPackage.objects.exists()
    for more in ({}, {"stations": [station.serial]}):
        asked(client, site="Old Cut", **more)
        package = DataPackage.objects.latest("pk")
        assert package.deployment_ids == list(
            Deployment.objects.filter(site__name="Old Cut").values_list("pk", flat=True)
        )
    Site.objects.bulk_create(Site(organization=institute, name=f"Site {number}") for number in range(100))
    assert "Institute has no site" in asked(client, site="Nowhere").text


def test_the_terms_are_the_owners_choice(station, viewer, owner):
    told = {"licence": "CC-BY-4.0", "citation": "Institute 2026"}
    assert client_of(viewer).post(f"{PLACE}terms/", told).status_code == 403
    client_of(owner).post(f"{PLACE}terms/", told)
    assert DataTerms.objects.get().citation == "Institute 2026"
    asked(client_of(viewer))
    assert DataPackage.objects.get().licence == "CC-BY-4.0"
    assert "Institute 2026" in client_of(viewer).get(PLACE).text


def test_a_stranger_finds_nothing(station, viewer, stranger):
    asked(client_of(viewer))
    package = DataPackage.objects.get()
    client = client_of(stranger)
    for place in (PLACE, f"{PLACE}{package.pk}/data.zip"):
        assert client.get(place).status_code == 404
    assert client.post(f"{PLACE}{package.pk}/remove/").status_code == 404
    assert DataPackage.objects.exists()


def test_the_one_who_asked_or_an_operator_removes(station, viewer, operator, owner):
    asked(client_of(owner))
    package = DataPackage.objects.get()
    assert client_of(viewer).post(f"{PLACE}{package.pk}/remove/").status_code == 403
    assert "The package is removed." in client_of(operator).post(f"{PLACE}{package.pk}/remove/", follow=True).text


def test_the_list_costs_the_same_with_many(station, viewer, django_assert_max_num_queries):
    client = client_of(viewer)
    asked(client)
    client.get(PLACE)
    with django_assert_max_num_queries(60) as few:
        client.get(PLACE)
    for _ in range(4):
        asked(client)
    with django_assert_max_num_queries(60) as many:
        client.get(PLACE)
    assert len(few.captured_queries) == len(many.captured_queries)
