"""What an incident says is kept in each language of the site."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Two columns that hold a sentence by language."""

    dependencies = [("alerts", "0003_troubles_of_the_server")]

    operations = [
        migrations.AddField("incident", "sentences", models.JSONField(db_default={}, default=dict)),
        migrations.AddField("incident", "closing_sentences", models.JSONField(db_default={}, default=dict)),
    ]
