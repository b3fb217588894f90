"""Retention: each series by its rule, finer data first; late rows are still counted, and the ledger is kept whole."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from people import station_of
from telemetry.stored_readings import NOON, readings_store, series_make

from fleet.core.errors import InvalidInput
from fleet.core.models import AuditEntry
from fleet.telemetry import selectors
from fleet.telemetry.clearing import retention
from fleet.telemetry.clearing.detections import detections_cleared, detections_keep
from fleet.telemetry.clearing.retention import Removed, retention_run
from fleet.telemetry.heard.tag_hours import tag_hours_recount
from fleet.telemetry.keeping.models import RetentionRule, SeriesTally
from fleet.telemetry.keeping.rules import Kept, rule_set
from fleet.telemetry.models import (
    Detection,
    DirtyHour,
    Reading,
    ReadingDay,
    ReadingHour,
    Series,
    Suspicion,
    TagHour,
    TagHourDue,
)
from fleet.telemetry.rollups import rollups_rebuild

pytestmark = pytest.mark.django_db

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MIDNIGHT = NOON.replace(hour=0)


@pytest.fixture
def series(institute) -> Series:
    """Forty days with a reading each hour, rolled up."""
    made = series_make(institute)
    readings_store(made, [(NOON - n * HOUR, float(n % 24)) for n in range(40 * 24)])
    rollups_rebuild(settled_s=0)
    return made


def per_day(series) -> list[tuple]:
    found = selectors.readings(series=series, start=MIDNIGHT - 60 * DAY, end=MIDNIGHT + DAY, every=DAY)
    return [(p.at, p.value, p.minimum, p.maximum, p.count) for p in found]


def test_without_a_rule_everything_stays(institute, series):
    assert retention_run(moment=NOON) == {}
    assert Reading.objects.count() == 960


def test_rows_go_first_and_the_answers_by_day_and_hour_stay_the_same(institute, series, monkeypatch):
    # Several steps, each to the end of a day.
    monkeypatch.setattr(retention, "ROWS_MOST", 100)
    before = per_day(series)
    hour = {"series": series, "start": NOON - 30 * DAY, "end": NOON - 29 * DAY, "every": HOUR}
    by_hour = selectors.readings(**hour)
    rule_set(owner=institute, kept=Kept(raw_days=10, hour_days=35))
    found = retention_run(moment=NOON)
    # Rows before midnight ten days ago, and hours before midnight 35 days ago.
    assert found == {"Institute": Removed(readings=960 - 253, hours=960 - 853)}
    assert Reading.objects.earliest("occurred_at").occurred_at == MIDNIGHT - 10 * DAY
    assert ReadingHour.objects.earliest("start").start == MIDNIGHT - 35 * DAY
    assert per_day(series) == before
    assert selectors.readings(**hour) == by_hour
    entry = AuditEntry.objects.get(action="retention.run")
    assert (entry.organization_id, entry.detail["readings"]) == (institute.pk, 707)
    assert retention_run(moment=NOON) == {}


def test_what_comes_late_for_a_time_that_was_cleared_is_added_and_no_row_stays(institute, series):
    rule_set(owner=institute, kept=Kept(raw_days=10, hour_days=35))
    retention_run(moment=NOON)
    before = {row[0]: row for row in per_day(series)}
    late = [MIDNIGHT - 20 * DAY + HOUR / 4, MIDNIGHT - 38 * DAY + HOUR / 4, MIDNIGHT - 50 * DAY]
    for n in range(2):
        readings_store(series, [(at + timedelta(seconds=n), 240.0) for at in late])
        for is_rebuilt in (False, True):
            # The answers are right before the job and after it.
            found = {row[0]: row for row in per_day(series)}
            for day, known in ((MIDNIGHT - 20 * DAY, 24), (MIDNIGHT - 38 * DAY, 24), (MIDNIGHT - 50 * DAY, 0)):
                assert (found[day][3], found[day][4]) == (240.0, known + n + 1), (n, is_rebuilt, day)
                total = before.get(day, (0, 0.0))[1] * known + 240.0 * (n + 1)
                assert found[day][1] == pytest.approx(total / (known + n + 1))
            rollups_rebuild(settled_s=0)
    assert not Reading.objects.filter(occurred_at__lt=MIDNIGHT - 10 * DAY).exists()
    assert ReadingHour.objects.get(start=MIDNIGHT - 20 * DAY).count == 3
    assert not ReadingHour.objects.filter(start__lt=MIDNIGHT - 35 * DAY).exists()
    assert ReadingDay.objects.get(start=MIDNIGHT - 38 * DAY).count == 26
    # The next run says how many these were, once.
    assert retention_run(moment=NOON, is_dry=True)["Institute"].late == 6
    assert retention_run(moment=NOON) == {"Institute": Removed(late=6)}
    assert AuditEntry.objects.filter(action="retention.run").latest("pk").detail["late"] == 6
    assert retention_run(moment=NOON) == {}


def test_late_readings_of_an_organization_that_took_its_rules_away_are_said_at_once(institute, series):
    rule_set(owner=institute, kept=Kept(raw_days=10))
    retention_run(moment=NOON)
    RetentionRule.objects.all().delete()
    readings_store(series, [(MIDNIGHT - 20 * DAY + HOUR / 4, 1.0), (MIDNIGHT - 20 * DAY + HOUR / 3, 2.0)])
    rollups_rebuild(settled_s=0)
    entry = AuditEntry.objects.get(action="retention.late")
    assert (entry.organization_id, entry.detail) == (institute.pk, {"late": 2})


def test_what_is_not_rolled_up_yet_is_not_removed(institute, series):
    rule_set(owner=institute, kept=Kept(raw_days=10))
    readings_store(series, [(NOON - 20 * DAY + HOUR / 4, 1.0)])
    assert retention_run(moment=NOON) == {"Institute": Removed(waiting=1)}
    assert Reading.objects.count() == 961
    rollups_rebuild(settled_s=0)
    assert retention_run(moment=NOON)["Institute"].readings == 708


def test_the_longest_pattern_decides_and_others_are_left_alone(institute, elsewhere, series):
    health = Series.objects.create(station=series.station, name="health/disk", created_at=NOON)
    foreign = Series.objects.create(station=station_of(elsewhere), name="health/disk", created_at=NOON)
    for each in (health, foreign):
        readings_store(each, [(NOON - 20 * DAY, 1.0), (NOON - 2 * DAY, 1.0)])
    rollups_rebuild(settled_s=0)
    rule_set(owner=institute, kept=Kept(raw_days=30))
    rule_set(owner=institute, pattern="health/*", kept=Kept(raw_days=5, hour_days=5, day_days=5))
    retention_run(moment=NOON)
    assert Reading.objects.filter(series=series).earliest("occurred_at").occurred_at == MIDNIGHT - 30 * DAY
    for model in (Reading, ReadingHour, ReadingDay):
        assert model.objects.filter(series=health).count() == 1
        assert model.objects.filter(series=foreign).count() == 2


def test_a_partition_of_which_all_is_due_is_emptied_at_once_and_stays_for_what_comes_late(institute, series):
    old = datetime(2015, 3, 1, tzinfo=UTC)
    readings_store(series, [(old + n * HOUR, 1.0) for n in range(30)])
    rollups_rebuild(settled_s=0)
    rule_set(owner=institute, kept=Kept(raw_days=100))
    found = retention._partitions_empty(retention._cutoffs(institute, MIDNIGHT, NOON))
    assert found == {series.pk: 30}
    assert Reading.objects.count() == 960
    series.refresh_from_db()
    assert series.raw_from == datetime(2016, 1, 1, tzinfo=UTC)
    readings_store(series, [(old, 5.0)])
    rollups_rebuild(settled_s=0)
    assert ReadingDay.objects.get(start=old).count == 25
    assert not DirtyHour.objects.exists()


def test_a_partition_with_rows_of_somebody_without_a_rule_stays(institute, elsewhere, series):
    old = datetime(2015, 3, 1, tzinfo=UTC)
    foreign = Series.objects.create(station=station_of(elsewhere), name="temp", created_at=NOON)
    for each in (series, foreign):
        readings_store(each, [(old, 1.0)])
    rollups_rebuild(settled_s=0)
    rule_set(owner=institute, kept=Kept(raw_days=100))
    assert retention_run(moment=NOON) == {"Institute": Removed(readings=1)}
    assert Reading.objects.filter(series=foreign).count() == 1


def test_a_dry_run_counts_what_a_run_then_removes(institute, series):
    rule_set(owner=institute, kept=Kept(raw_days=10, hour_days=20, day_days=30))
    planned = retention_run(moment=NOON, is_dry=True)
    assert Reading.objects.count() == 960
    assert retention_run(moment=NOON) == planned
    assert planned["Institute"].days == 10


@pytest.mark.parametrize(
    "kept", [{"raw_days": 0}, {"hour_days": 5}, {"raw_days": 9, "hour_days": 5}, {"raw_days": 1, "day_days": 5}]
)
def test_finer_rows_cannot_be_kept_for_longer(institute, kept):
    with pytest.raises(InvalidInput):
        rule_set(owner=institute, kept=Kept(**kept))


def test_the_command_line_sets_lists_and_runs(institute, series, capsys):
    call_command("retention", "set", "Institute", "--rows", "10", "--hours", "300")
    assert "rows 10 days, hours 300 days, days forever" in capsys.readouterr().out
    call_command("retention", "list")
    assert capsys.readouterr().out.splitlines()[1].split() == [
        *("Institute", "all", "*", "10", "days", "300", "days", "forever", "all", "none"),
    ]
    call_command("retention", "run", "--dry-run", "--json")
    assert '"organization": "Institute"' in capsys.readouterr().out
    serial = series.station.serial
    call_command("retention", "set", "Institute", "--station", serial, "--series", "temp", "--interval", "60")
    assert "most all, interval 60 seconds" in capsys.readouterr().out
    assert RetentionRule.objects.count() == 2
    call_command("retention", "remove", "Institute", "--station", serial, "--series", "temp")
    assert RetentionRule.objects.get().organization == institute
    with pytest.raises(SystemExit) as refused:
        call_command("retention", "set", "Institute", "--hours", "10")
    assert refused.value.code == 2


def test_the_newest_of_a_series_stay_and_every_other_one_is_counted(institute, series):
    other = Series.objects.create(station=series.station, name="other", created_at=NOON)
    # A clock that ran ahead pushes none of them out.
    readings_store(series, [(NOON + n * DAY, 9.0, int(Suspicion.FUTURE)) for n in range(1, 60)])
    readings_store(other, [(NOON - n * HOUR, 1.0) for n in range(200)])
    rollups_rebuild(settled_s=0)
    rule_set(owner=institute, kept=Kept(raw_days=30))
    rule_set(owner=series.station, pattern="temp", kept=Kept(most=100))
    before = per_day(series)
    assert retention_run(moment=NOON, is_dry=True)["Institute"].readings == 860
    assert retention_run(moment=NOON)["Institute"].readings == 860
    assert (Reading.objects.filter(series=series).count(), Reading.objects.filter(series=other).count()) == (159, 200)
    assert Reading.objects.filter(series=series).earliest("occurred_at").occurred_at == NOON - 99 * HOUR
    assert per_day(series) == before
    assert retention_run(moment=NOON) == {}
    # A late one is counted with those removed.
    readings_store(series, [(NOON - 20 * DAY + HOUR / 4, 1.0)])
    rollups_rebuild(settled_s=0)
    assert (SeriesTally.objects.get().removed, SeriesTally.objects.get().kept_back) == (861, 0)


def test_single_detections_go_and_their_counts_stay(institute):
    station = station_of(institute)
    at = [NOON - n * DAY for n in (0, 39, 41, 60)] + [datetime(1970, 1, 2, tzinfo=UTC)]
    Detection.objects.bulk_create(
        Detection(station=station, occurred_at=one, port=1, kind=2, line=n, received_at=NOON, tag="a")
        for n, one in enumerate(at)
    )
    tag_hours_recount(station_id=station.pk, hours=at)
    before = list(TagHour.objects.order_by("hour").values())
    with pytest.raises(InvalidInput):
        detections_keep(organization=institute, days=29)
    call_command("retention", "detections", "Institute", "--days", "40")
    TagHourDue.objects.create(station=station, hour=NOON - 50 * DAY)
    assert retention_run(moment=NOON) == {"Institute": Removed(waiting=1)}
    TagHourDue.objects.all().delete()
    assert retention_run(moment=NOON, is_dry=True) == {"Institute": Removed(detections=2)}
    assert retention_run(moment=NOON) == {"Institute": Removed(detections=2)}
    assert retention_run(moment=NOON) == {}
    # One of a clock that was not set waits until a person moves it.
    assert sorted(Detection.objects.values_list("occurred_at", flat=True)) == sorted([at[4], at[1], at[0]])
    cleared = detections_cleared(station)
    assert (cleared.before, cleared.removed) == (MIDNIGHT - 40 * DAY, 2)
    # Hours that are counted again keep the counts of what is gone.
    tag_hours_recount(station_id=station.pk, hours=at)
    assert list(TagHour.objects.order_by("hour").values()) == before
