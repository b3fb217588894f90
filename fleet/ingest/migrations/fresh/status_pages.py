"""The tables of status_pages in a new database."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

TABLES = [
    migrations.CreateModel(
        name="Notice",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("title", models.CharField(max_length=120)),
            ("began_at", models.DateTimeField()),
            ("over_at", models.DateTimeField(null=True)),
            (
                "page",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="notices", to="status_pages.statuspage"
                ),
            ),
        ],
        options={
            "indexes": [models.Index(fields=["page", "-began_at"], name="notice_of_page")],
        },
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
]
