"""A station's words about commands have a bucket of their own."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Empty until the next message."""

    dependencies = [("stations", "0008_a_desk_has_a_login_of_its_own")]

    operations = [migrations.AddField("stationcontact", "quota_reports", models.FloatField(null=True))]
