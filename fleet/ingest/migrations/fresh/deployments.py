"""The tables of deployments in a new database."""

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.contrib.postgres.functions
import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

TABLES = [
    migrations.CreateModel(
        name="Site",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("name", models.CharField(max_length=120)),
            ("latitude", models.FloatField(blank=True, null=True)),
            ("longitude", models.FloatField(blank=True, null=True)),
            ("elevation_m", models.FloatField(blank=True, null=True)),
            ("timezone", models.CharField(default="UTC", max_length=64)),
            (
                "organization",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="sites", to="organizations.organization"
                ),
            ),
            ("city", models.CharField(blank=True, db_default="", default="", max_length=120)),
            ("country", models.CharField(blank=True, db_default="", default="", max_length=80)),
            ("notes", models.TextField(blank=True, db_default="", default="")),
            ("postal_code", models.CharField(blank=True, db_default="", default="", max_length=20)),
            ("street", models.CharField(blank=True, db_default="", default="", max_length=200)),
        ],
        options={
            "constraints": [models.UniqueConstraint(fields=("organization", "name"), name="site_name_once")],
        },
    ),
    migrations.CreateModel(
        name="Deployment",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("period", django.contrib.postgres.fields.ranges.DateTimeRangeField()),
            (
                "station",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="deployments", to="stations.station"
                ),
            ),
            (
                "site",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.PROTECT, related_name="deployments", to="deployments.site"
                ),
            ),
            ("blur_radius_m", models.FloatField(blank=True, null=True)),
            ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ("description", models.TextField(blank=True, db_default="", default="")),
            ("is_public", models.BooleanField(db_default=False, default=False)),
            ("is_serial_public", models.BooleanField(db_default=False, default=False)),
            ("latitude", models.FloatField(blank=True, null=True)),
            (
                "location",
                models.CharField(
                    choices=[("exact", "Exact"), ("blurred", "Blurred"), ("withheld", "Withheld")],
                    db_default="exact",
                    default="exact",
                    max_length=16,
                ),
            ),
            ("longitude", models.FloatField(blank=True, null=True)),
            (
                "placed_by",
                models.ForeignKey(
                    null=True,
                    on_delete=django.db.models.deletion.SET_NULL,
                    related_name="+",
                    to=settings.AUTH_USER_MODEL,
                ),
            ),
            ("placed_by_name", models.CharField(blank=True, db_default="", default="", max_length=150)),
            (
                "public_id",
                models.UUIDField(
                    db_default=django.contrib.postgres.functions.RandomUUID(), editable=False, unique=True
                ),
            ),
            ("withheld_until", models.DateTimeField(blank=True, null=True)),
            (
                "room",
                models.ForeignKey(
                    blank=True,
                    null=True,
                    on_delete=django.db.models.deletion.SET_NULL,
                    related_name="deployments",
                    to="deployments.room",
                ),
            ),
        ],
        options={
            "indexes": [
                models.Index(condition=models.Q(("is_public", True)), fields=["-id"], name="deployment_public")
            ],
            "constraints": [
                django.contrib.postgres.constraints.ExclusionConstraint(
                    expressions=[("station", "="), ("period", "&&")], name="deployment_one_place_at_a_time"
                ),
                models.CheckConstraint(
                    condition=models.Q(
                        models.Q(("location", "blurred"), _negated=True), ("blur_radius_m__gt", 0), _connector="OR"
                    ),
                    name="deployment_blur_has_a_radius",
                ),
            ],
        },
    ),
    migrations.CreateModel(
        name="Antenna",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("port", models.IntegerField()),
            ("type", models.CharField(blank=True, max_length=60)),
            ("bearing_deg", models.FloatField(blank=True, null=True)),
            ("height_m", models.FloatField(blank=True, null=True)),
            ("frequency_mhz", models.FloatField(blank=True, null=True)),
            (
                "deployment",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="antennas", to="deployments.deployment"
                ),
            ),
            ("cable", models.CharField(blank=True, db_default="", default="", max_length=60)),
            ("beam_width_deg", models.FloatField(blank=True, null=True)),
            (
                "polarization",
                models.CharField(
                    blank=True,
                    choices=[("horizontal", "Horizontal"), ("vertical", "Vertical"), ("circular", "Circular")],
                    db_default="",
                    default="",
                    max_length=10,
                ),
            ),
        ],
        options={
            "constraints": [models.UniqueConstraint(fields=("deployment", "port"), name="antenna_port_once")],
        },
    ),
    migrations.CreateModel(
        name="Room",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("name", models.CharField(max_length=120)),
            ("size_sqm", models.FloatField(blank=True, null=True)),
            ("height_m", models.FloatField(blank=True, null=True)),
            ("occupancy", models.IntegerField(blank=True, null=True)),
            (
                "site",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="rooms", to="deployments.site"
                ),
            ),
        ],
        options={
            "constraints": [
                models.UniqueConstraint(
                    models.F("site"), django.db.models.functions.text.Lower("name"), name="room_name_once"
                )
            ],
        },
    ),
]
