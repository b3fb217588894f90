"""The tables of files in a new database."""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

TABLES = [
    migrations.CreateModel(
        name="StationFile",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("name", models.CharField(max_length=256)),
            ("rows", models.BigIntegerField(default=0)),
            ("first_received_at", models.DateTimeField()),
            ("last_received_at", models.DateTimeField()),
            (
                "station",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="files", to="stations.station"
                ),
            ),
            ("base", models.CharField(db_default="", default="", max_length=256)),
            ("bytes_kept_back", models.BigIntegerField(db_default=0, default=0)),
            ("bytes_known", models.BigIntegerField(db_default=0, default=0)),
            ("bytes_read", models.BigIntegerField(db_default=0, default=0)),
            ("bytes_refused", models.BigIntegerField(db_default=0, default=0)),
            ("bytes_taken", models.BigIntegerField(db_default=0, default=0)),
            ("bytes_unread", models.BigIntegerField(db_default=0, default=0)),
            ("is_by_desk", models.BooleanField(db_default=False, default=False)),
            ("is_damaged", models.BooleanField(db_default=False, default=False)),
            ("is_moved_here", models.BooleanField(db_default=False, default=False)),
            ("lines_kept_back", models.BigIntegerField(db_default=0, default=0)),
            ("lines_known", models.BigIntegerField(db_default=0, default=0)),
            ("lines_read", models.BigIntegerField(db_default=0, default=0)),
            ("lines_refused", models.BigIntegerField(db_default=0, default=0)),
            ("lines_taken", models.BigIntegerField(db_default=0, default=0)),
            (
                "moved_from",
                models.ForeignKey(
                    null=True,
                    on_delete=django.db.models.deletion.SET_NULL,
                    related_name="files_moved_away",
                    to="stations.station",
                ),
            ),
            ("octets", models.BigIntegerField(db_default=0, default=0)),
            ("reason", models.CharField(blank=True, db_default="", default="", max_length=256)),
            ("refusals", models.JSONField(db_default={}, default=dict)),
            ("rows_from", models.DateTimeField(null=True)),
            ("rows_to", models.DateTimeField(null=True)),
            ("said_at", models.DateTimeField(null=True)),
            ("said_seq", models.BigIntegerField(db_default=0, default=0)),
            ("said_stream", models.CharField(blank=True, db_default="", default="", max_length=64)),
            ("start_at", models.DateTimeField(null=True)),
            (
                "state",
                models.CharField(
                    blank=True,
                    choices=[
                        ("", "no account"),
                        ("open", "open"),
                        ("done", "read to its end"),
                        ("refused", "refused"),
                        ("foreign", "of another station"),
                        ("gone", "gone"),
                    ],
                    db_default="",
                    default="",
                    max_length=8,
                ),
            ),
        ],
        options={
            "constraints": [
                models.UniqueConstraint(
                    condition=models.Q(("is_moved_here", False)), fields=("station", "name"), name="file_name_once"
                )
            ],
            "indexes": [
                models.Index(fields=["station", "base"], name="file_by_base"),
                models.Index(fields=["station", "-last_received_at", "-id"], name="file_newest_first"),
            ],
        },
    ),
    migrations.CreateModel(
        name="Photo",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("name", models.CharField(max_length=32, unique=True)),
            ("width", models.IntegerField()),
            ("height", models.IntegerField()),
            ("octets", models.IntegerField()),
            ("caption", models.CharField(blank=True, max_length=200)),
            ("added_by_name", models.CharField(blank=True, max_length=150)),
            ("added_at", models.DateTimeField()),
            (
                "added_by",
                models.ForeignKey(
                    null=True,
                    on_delete=django.db.models.deletion.SET_NULL,
                    related_name="+",
                    to=settings.AUTH_USER_MODEL,
                ),
            ),
            (
                "deployment",
                models.ForeignKey(
                    null=True,
                    on_delete=django.db.models.deletion.SET_NULL,
                    related_name="photos",
                    to="deployments.deployment",
                ),
            ),
            (
                "station",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="photos", to="stations.station"
                ),
            ),
            ("is_public", models.BooleanField(db_default=False, default=False)),
        ],
        options={
            "indexes": [models.Index(fields=["station", "-id"], name="photo_of_station")],
        },
    ),
    migrations.CreateModel(
        name="FileMove",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("moved_at", models.DateTimeField()),
            ("moved_by_name", models.CharField(blank=True, max_length=150)),
            ("undone_at", models.DateTimeField(null=True)),
            ("undone_by_name", models.CharField(blank=True, max_length=150)),
            ("files", models.IntegerField()),
            ("rows", models.BigIntegerField()),
            ("twins", models.BigIntegerField()),
            ("file_ids", django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)),
            (
                "station",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="file_moves", to="stations.station"
                ),
            ),
            (
                "target",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="file_moves_here", to="stations.station"
                ),
            ),
        ],
    ),
    migrations.CreateModel(
        name="FileMoveTwin",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("table", models.CharField(max_length=32)),
            ("row", models.JSONField()),
            (
                "move",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="twin_rows", to="files.filemove"
                ),
            ),
        ],
    ),
    migrations.CreateModel(
        name="StoreAccount",
        fields=[
            (
                "organization",
                models.OneToOneField(
                    on_delete=django.db.models.deletion.CASCADE,
                    primary_key=True,
                    related_name="store_account",
                    serialize=False,
                    to="organizations.organization",
                ),
            ),
            ("octets", models.BigIntegerField(default=0)),
            ("files", models.BigIntegerField(default=0)),
            ("quota_octets", models.BigIntegerField(blank=True, null=True)),
        ],
    ),
    migrations.CreateModel(
        name="StoredContent",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("sha256", models.CharField(max_length=64, unique=True)),
            ("octets", models.BigIntegerField()),
            (
                "state",
                models.CharField(
                    choices=[("kept", "kept"), ("rotten", "rotten"), ("stray", "of no file")],
                    default="kept",
                    max_length=8,
                ),
            ),
            ("stored_at", models.DateTimeField()),
            ("checked_at", models.DateTimeField()),
            (
                "place",
                models.CharField(
                    choices=[("default", "the disk"), ("objects", "the object store")], default="default", max_length=8
                ),
            ),
        ],
        options={
            "indexes": [
                models.Index(fields=["checked_at", "id"], name="content_by_check"),
                models.Index(condition=models.Q(("state", "rotten")), fields=["id"], name="content_rotten"),
                models.Index(condition=models.Q(("state", "stray")), fields=["id"], name="content_stray"),
            ],
        },
    ),
    migrations.CreateModel(
        name="StoredFile",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("path", models.CharField(max_length=512)),
            (
                "station",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="stored_files", to="stations.station"
                ),
            ),
        ],
        options={
            "indexes": [
                django.contrib.postgres.indexes.GinIndex(
                    django.contrib.postgres.indexes.OpClass(
                        django.db.models.functions.text.Upper("path"), name="gin_trgm_ops"
                    ),
                    name="stored_file_by_part",
                )
            ],
            "constraints": [models.UniqueConstraint(fields=("station", "path"), name="stored_file_once")],
        },
    ),
    migrations.CreateModel(
        name="FileRevision",
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("number", models.IntegerField()),
            ("modified_at", models.DateTimeField(null=True)),
            ("first_met_at", models.DateTimeField()),
            ("last_met_at", models.DateTimeField()),
            ("grown", models.IntegerField(default=0)),
            ("sent_by", models.CharField(max_length=150)),
            (
                "content",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.PROTECT, related_name="revisions", to="files.storedcontent"
                ),
            ),
            (
                "file",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="revisions", to="files.storedfile"
                ),
            ),
        ],
        options={
            "constraints": [models.UniqueConstraint(fields=("file", "number"), name="file_revision_once")],
        },
    ),
    migrations.CreateModel(
        name="Upload",
        fields=[
            ("id", models.CharField(max_length=32, primary_key=True, serialize=False)),
            ("path", models.CharField(max_length=512)),
            ("octets", models.BigIntegerField()),
            ("sha256", models.CharField(max_length=64)),
            ("modified_at", models.DateTimeField(null=True)),
            ("sender", models.CharField(max_length=80)),
            ("sender_name", models.CharField(max_length=150)),
            (
                "state",
                models.CharField(
                    choices=[
                        ("open", "arriving"),
                        ("stored", "stored"),
                        ("known", "here already"),
                        ("refused", "refused"),
                    ],
                    default="open",
                    max_length=8,
                ),
            ),
            ("reason", models.CharField(blank=True, default="", max_length=300)),
            ("created_at", models.DateTimeField()),
            ("expires_at", models.DateTimeField()),
            (
                "station",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="uploads", to="stations.station"
                ),
            ),
            ("waiting_since", models.DateTimeField(null=True)),
            ("is_edited", models.BooleanField(db_default=False, default=False)),
        ],
        options={
            "indexes": [
                models.Index(condition=models.Q(("state", "open")), fields=["sender"], name="upload_open_of_sender"),
                models.Index(fields=["expires_at"], name="upload_expires"),
                models.Index(fields=["station", "-created_at"], name="upload_of_station"),
                models.Index(
                    condition=models.Q(("waiting_since__isnull", False)), fields=["expires_at"], name="upload_waiting"
                ),
            ],
        },
    ),
]
