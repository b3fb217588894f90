"""Status pages with their items and notices. No page shows what belongs to another organization."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# As in stations 0007: rows are read again, and whoever moves the station at the same time waits or is waited for.
_ITEM = """
CREATE FUNCTION roost_status_item_in_one_organization() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM stations_station WHERE id = NEW.station_id FOR SHARE;
    IF EXISTS (
        SELECT 1 FROM status_pages_statusitem i LEFT JOIN stations_station s ON s.id = i.station_id
          LEFT JOIN deployments_site p ON p.id = i.site_id
         WHERE i.id = NEW.id AND i.page_id <> coalesce(s.organization_id, p.organization_id)
    ) THEN
        RAISE EXCEPTION 'Item % of a status page belongs to another organization.', NEW.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$
"""

_STATION = """
CREATE FUNCTION roost_station_on_its_status_page() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM stations_station s JOIN status_pages_statusitem i ON i.station_id = s.id
         WHERE s.id = NEW.id AND i.page_id <> s.organization_id
    ) THEN
        RAISE EXCEPTION 'Station % is on the status page of another organization.', NEW.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("deployments", "0005_antennas_have_a_beam"),
        ("organizations", "0007_how_a_person_sees_files"),
        ("stations", "0015_owners_are_told_of_unanswered_devices"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Notice",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("title", models.CharField(max_length=120)),
                ("began_at", models.DateTimeField()),
                ("over_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="StatusPage",
            fields=[
                (
                    "organization",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="status_page",
                        serialize=False,
                        to="organizations.organization",
                    ),
                ),
                ("slug", models.SlugField(max_length=60, unique=True)),
                ("title", models.CharField(max_length=120)),
                ("words", models.TextField(blank=True)),
                ("is_on", models.BooleanField(default=False)),
                ("changed_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="NoticeUpdate",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("text", models.TextField()),
                ("is_end", models.BooleanField(default=False)),
                ("written_at", models.DateTimeField()),
                ("written_by_name", models.CharField(blank=True, max_length=150)),
                (
                    "notice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="updates", to="status_pages.notice"
                    ),
                ),
                (
                    "written_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="notice",
            name="page",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="notices", to="status_pages.statuspage"
            ),
        ),
        migrations.CreateModel(
            name="StatusItem",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=80)),
                ("position", models.IntegerField(default=0)),
                (
                    "site",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="status_items",
                        to="deployments.site",
                    ),
                ),
                (
                    "station",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="status_items",
                        to="stations.station",
                    ),
                ),
                (
                    "page",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="items", to="status_pages.statuspage"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("site__isnull", False), ("station", None)),
                            models.Q(("site", None), ("station__isnull", False)),
                            _connector="OR",
                        ),
                        name="status_item_is_of_one",
                    ),
                    models.UniqueConstraint(fields=("page", "station"), name="status_item_station_once"),
                    models.UniqueConstraint(fields=("page", "site"), name="status_item_site_once"),
                ],
            },
        ),
        migrations.AddIndex(
            model_name="notice",
            index=models.Index(fields=["page", "-began_at"], name="notice_of_page"),
        ),
        migrations.RunSQL(_ITEM, "DROP FUNCTION roost_status_item_in_one_organization()"),
        migrations.RunSQL(_STATION, "DROP FUNCTION roost_station_on_its_status_page()"),
        migrations.RunSQL(
            "CREATE CONSTRAINT TRIGGER in_one_organization AFTER INSERT OR UPDATE ON status_pages_statusitem "
            "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION roost_status_item_in_one_organization()",
            "DROP TRIGGER in_one_organization ON status_pages_statusitem",
        ),
        migrations.RunSQL(
            "CREATE CONSTRAINT TRIGGER on_its_status_page AFTER UPDATE OF organization_id ON stations_station "
            "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW "
            "WHEN (OLD.organization_id IS DISTINCT FROM NEW.organization_id) "
            "EXECUTE FUNCTION roost_station_on_its_status_page()",
            "DROP TRIGGER on_its_status_page ON stations_station",
        ),
    ]
