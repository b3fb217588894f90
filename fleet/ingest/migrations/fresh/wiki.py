"""The tables of wiki in a new database."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

TABLES = [
    migrations.CreateModel(
        name="WikiPage",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("slug", models.SlugField(max_length=60)),
            ("title", models.CharField(max_length=120)),
            ("is_public", models.BooleanField(default=False)),
            ("position", models.IntegerField(default=0)),
            ("number", models.IntegerField(default=1)),
            ("changed_at", models.DateTimeField()),
            ("changed_by_name", models.CharField(blank=True, max_length=150)),
            (
                "organization",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE,
                    related_name="wiki_pages",
                    to="organizations.organization",
                ),
            ),
        ],
        options={
            "constraints": [models.UniqueConstraint(fields=("organization", "slug"), name="wiki_page_once")],
        },
    ),
    migrations.CreateModel(
        name="WikiRevision",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("number", models.IntegerField()),
            ("title", models.CharField(max_length=120)),
            ("text", models.TextField(blank=True)),
            ("is_public", models.BooleanField(default=False)),
            ("remark", models.CharField(blank=True, max_length=200)),
            ("written_at", models.DateTimeField()),
            ("written_by_name", models.CharField(blank=True, max_length=150)),
            (
                "page",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="revisions", to="wiki.wikipage"
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
        options={
            "constraints": [models.UniqueConstraint(fields=("page", "number"), name="wiki_revision_once")],
        },
    ),
]
