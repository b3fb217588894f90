"""Rules of which readings are kept: set by owners on the site and over the API, and what they keep away is shown."""

import pytest
from api_asking import Asker, problem_of
from django.urls import reverse
from people import key_of, station_of

from fleet.core import clock
from fleet.core.models import AuditEntry
from fleet.core.spoken import count_words
from fleet.telemetry.keeping.models import RetentionRule, SeriesTally
from fleet.telemetry.models import Series

pytestmark = pytest.mark.django_db


@pytest.fixture
def series(institute) -> Series:
    made = Series.objects.create(
        station=station_of(institute, state="on_time"), name="temp", created_at=clock.now(), last_at=clock.now()
    )
    SeriesTally.objects.create(series=made, station=made.station, kept_back=1234, kept_back_at=clock.now(), removed=56)
    return made


def test_an_owner_sets_and_removes_a_rule_and_says_so_where_it_deletes(browse, owner, operator, institute):
    address = f"/organizations/{institute.slug}/kept/"
    client = browse(owner)
    assert "all readings are kept" in client.get(address).content.decode()
    for filled, said in (
        ({"pattern": "temp", "most": "9"}, "This rule deletes readings"),
        ({"pattern": "temp[%RH]", "interval_s": "9"}, "without its unit"),
        ({"pattern": "temp", "hour_days": "9", "is_sure": "on"}, "longer than hourly"),
    ):
        assert said in client.post(address, filled).content.decode()
    assert not RetentionRule.objects.exists()
    filled = {"pattern": "temp", "interval_s": "60", "most": "9000", "raw_days": "400", "is_sure": "on"}
    page = client.post(address, filled, follow=True).content.decode()
    assert all(word in page for word in ("The rule is saved", f"newest {count_words(9_000)}", "400 days", "forever"))
    entry = AuditEntry.objects.get(action="retention.set")
    assert (entry.organization_id, entry.subject, entry.detail["most"]) == (institute.pk, "temp", 9_000)
    rule = RetentionRule.objects.get()
    assert 'value="9000"' in client.get(address, {"pattern": "temp"}).content.decode()
    # Setting it again changes it; the interval goes on.
    client.post(address, {"pattern": "temp", "interval_s": "60"})
    assert RetentionRule.objects.values_list("most", "interval_since").get() == (None, rule.interval_since)
    remove = f"{address}{rule.pk}/remove/"
    assert browse(operator).post(address, filled).status_code == browse(operator).post(remove).status_code == 403
    assert "is removed" in client.post(remove, follow=True).content.decode()
    assert not RetentionRule.objects.exists()


def test_what_rules_keep_away_is_on_the_station_s_pages_and_in_completeness(browse, viewer, owner, institute, series):
    serial = series.station.serial
    browse(owner).post(f"/organizations/{institute.slug}/kept/", {"pattern": "te*", "interval_s": "60"})
    client = browse(viewer)
    page = client.get(f"/stations/{serial}/kept/").content.decode()
    assert all(word in page for word in (count_words(1_234), "56", "te*", "of the organization", "Only owners"))
    browse(owner).post(f"/stations/{serial}/kept/", {"pattern": "temp", "interval_s": "90"})
    assert "of the station" in client.get(f"/stations/{serial}/kept/").content.decode()
    assert f"rules have kept back {count_words(1_234)} readings and removed 56" in client.get(
        reverse("station-data", args=[serial]), {"series": "temp"}
    ).content.decode().replace("\n", " ")
    assert count_words(1_234) in client.get(f"/stations/{serial}/deliveries/").content.decode()
    assert f"{count_words(1_234)} readings that arrived were kept back" in client.get("/completeness/").content.decode()
    assert ",1234" in client.get("/completeness.csv").getvalue().decode().splitlines()[1]
    asker = Asker(key_of(institute))
    assert asker.get("completeness").json()["results"][0]["kept_back"] == 1234
    (told,) = asker.get(f"stations/{serial}/series").json()["results"]
    assert (told["kept_back"], told["removed"], told["raw_from"]) == (1234, 56, None)


def put(asker, owned, body):
    return asker.client.put(f"/api/v1/{owned}/retention", body, content_type="application/json")


def test_rules_over_the_api(browse, owner, institute, elsewhere, series):
    mine = Asker(key_of(institute, write=True))
    mine.client = browse(owner)
    for owned in (f"organizations/{institute.slug}", f"stations/{series.station.serial}"):
        made = put(mine, owned, {"pattern": "temp", "interval_s": 60, "raw_days": 400}).json()
        assert (made["pattern"], made["interval_s"], made["raw_days"], made["most"]) == ("temp", 60, 400, None)
        assert mine.get(f"{owned}/retention").json() == {"results": [made]}
        problem_of(put(mine, owned, {"pattern": "temp", "most": 0}), 400, "most")
        problem_of(put(mine, owned, {"pattern": "x y"}), 400, "pattern")
        # A key is an operator, who sets rules of stations that delete nothing.
        key = Asker(key_of(institute, write=True))
        assert put(key, owned, {"pattern": "temp", "most": 9}).status_code == 403
        assert put(key, owned, {"pattern": "t"}).status_code == (200 if owned.startswith("stations") else 403)
        foreign = Asker(key_of(elsewhere, write=True))
        assert foreign.get(f"{owned}/retention").status_code == 404
        assert mine.client.delete(f"/api/v1/{owned}/retention/{made['id']}").status_code == 204
        assert mine.client.delete(f"/api/v1/{owned}/retention/{made['id']}").status_code == 404
    # A rule of one owner is not removed through another.
    rule = RetentionRule.objects.create(organization=institute, pattern="a", most=1)
    assert mine.client.delete(f"/api/v1/stations/{series.station.serial}/retention/{rule.pk}").status_code == 404
