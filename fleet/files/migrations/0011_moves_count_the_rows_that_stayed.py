"""Moves of files count the rows that stayed, because the other station has different rows with their keys."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Earlier moves set such rows aside with those that the other station already had."""

    dependencies = [("files", "0010_edited_files")]

    operations = [migrations.AddField("filemove", "left", models.BigIntegerField(db_default=0, default=0))]
