"""The tables of organizations in a new database."""

import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

TABLES = [
    migrations.CreateModel(
        name="Organization",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("name", models.CharField(max_length=120, unique=True)),
            ("slug", models.SlugField(max_length=60, unique=True)),
            ("timezone", models.CharField(default="UTC", max_length=64)),
            ("language", models.CharField(default="en", max_length=8)),
            ("created_at", models.DateTimeField()),
            ("contact_email", models.EmailField(blank=True, db_default="", max_length=254)),
            (
                "created_by",
                models.ForeignKey(
                    null=True,
                    on_delete=django.db.models.deletion.SET_NULL,
                    related_name="+",
                    to=settings.AUTH_USER_MODEL,
                ),
            ),
            ("deleted_at", models.DateTimeField(null=True)),
        ],
        options={
            "indexes": [
                models.Index(
                    condition=models.Q(("deleted_at", None), _negated=True),
                    fields=["deleted_at"],
                    name="organization_deleted",
                )
            ],
        },
    ),
    migrations.CreateModel(
        name="ApiKey",
        fields=[
            ("id", models.CharField(editable=False, max_length=150, primary_key=True, serialize=False, unique=True)),
            ("prefix", models.CharField(editable=False, max_length=8, unique=True)),
            ("hashed_key", models.CharField(editable=False, max_length=150)),
            ("created", models.DateTimeField(auto_now_add=True, db_index=True)),
            (
                "name",
                models.CharField(
                    default=None,
                    help_text="A free-form name for the API key. Need not be unique. 50 characters max.",
                    max_length=50,
                ),
            ),
            (
                "revoked",
                models.BooleanField(
                    blank=True,
                    default=False,
                    help_text="If the API key is revoked, clients cannot use it anymore. (This cannot be undone.)",
                ),
            ),
            (
                "expiry_date",
                models.DateTimeField(
                    blank=True,
                    help_text="Once API key expires, clients cannot use it anymore.",
                    null=True,
                    verbose_name="Expires",
                ),
            ),
            ("is_read_only", models.BooleanField(default=True)),
            ("last_used_at", models.DateTimeField(null=True)),
            (
                "created_by",
                models.ForeignKey(
                    null=True,
                    on_delete=django.db.models.deletion.SET_NULL,
                    related_name="keys_made",
                    to=settings.AUTH_USER_MODEL,
                ),
            ),
            (
                "organization",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE,
                    related_name="api_keys",
                    to="organizations.organization",
                ),
            ),
            ("is_limited", models.BooleanField(db_default=False, default=False)),
            ("last_used_from", models.CharField(blank=True, db_default="", max_length=45)),
            (
                "person",
                models.ForeignKey(
                    null=True,
                    on_delete=django.db.models.deletion.CASCADE,
                    related_name="api_keys",
                    to=settings.AUTH_USER_MODEL,
                ),
            ),
            ("revoked_at", models.DateTimeField(null=True)),
            ("revoked_by_name", models.CharField(blank=True, db_default="", max_length=150)),
            ("stations", models.ManyToManyField(related_name="+", to="stations.station")),
        ],
        options={
            "verbose_name": "API key",
            "verbose_name_plural": "API keys",
            "ordering": ("-created",),
            "abstract": False,
        },
    ),
    migrations.CreateModel(
        name="Membership",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            (
                "role",
                models.CharField(
                    choices=[("owner", "Owner"), ("operator", "Operator"), ("viewer", "Viewer")],
                    default="viewer",
                    max_length=16,
                ),
            ),
            ("created_at", models.DateTimeField()),
            (
                "user",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="memberships", to=settings.AUTH_USER_MODEL
                ),
            ),
            (
                "organization",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE,
                    related_name="memberships",
                    to="organizations.organization",
                ),
            ),
        ],
        options={
            "constraints": [models.UniqueConstraint(fields=("user", "organization"), name="membership_once")],
        },
    ),
    migrations.CreateModel(
        name="Person",
        fields=[
            (
                "user",
                models.OneToOneField(
                    on_delete=django.db.models.deletion.CASCADE,
                    primary_key=True,
                    related_name="person",
                    serialize=False,
                    to=settings.AUTH_USER_MODEL,
                ),
            ),
            ("language", models.CharField(blank=True, db_default="", max_length=8)),
            ("timezone", models.CharField(blank=True, db_default="", max_length=64)),
            ("files_view", models.CharField(blank=True, db_default="", max_length=8)),
        ],
    ),
    migrations.CreateModel(
        name="Invitation",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("email", models.EmailField(max_length=254)),
            (
                "role",
                models.CharField(
                    choices=[("owner", "Owner"), ("operator", "Operator"), ("viewer", "Viewer")], max_length=16
                ),
            ),
            ("code_hash", models.CharField(max_length=64, unique=True)),
            ("invited_by_name", models.CharField(blank=True, max_length=150)),
            ("created_at", models.DateTimeField()),
            ("expires_at", models.DateTimeField()),
            ("accepted_at", models.DateTimeField(null=True)),
            ("revoked_at", models.DateTimeField(null=True)),
            (
                "accepted_by",
                models.ForeignKey(
                    null=True,
                    on_delete=django.db.models.deletion.SET_NULL,
                    related_name="+",
                    to=settings.AUTH_USER_MODEL,
                ),
            ),
            (
                "invited_by",
                models.ForeignKey(
                    null=True,
                    on_delete=django.db.models.deletion.SET_NULL,
                    related_name="+",
                    to=settings.AUTH_USER_MODEL,
                ),
            ),
            (
                "organization",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE,
                    related_name="invitations",
                    to="organizations.organization",
                ),
            ),
        ],
        options={
            "indexes": [
                models.Index(
                    django.db.models.functions.text.Lower("email"), models.F("created_at"), name="invitation_of_address"
                )
            ],
            "constraints": [
                models.UniqueConstraint(
                    models.F("organization"),
                    django.db.models.functions.text.Lower("email"),
                    condition=models.Q(("accepted_at", None), ("revoked_at", None)),
                    name="invitation_open_once",
                )
            ],
        },
    ),
]
