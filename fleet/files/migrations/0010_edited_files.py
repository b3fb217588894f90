"""Let an upload say that a person changed the text on a page."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("files", "0009_strays"),
    ]

    operations = [
        migrations.AddField(
            model_name="upload",
            name="is_edited",
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
