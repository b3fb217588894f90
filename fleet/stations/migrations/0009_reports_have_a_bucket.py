"""Reports of stations about commands get a quota bucket of their own."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the columns; they are empty until the next message."""

    dependencies = [("stations", "0008_a_desk_has_a_login_of_its_own")]

    operations = [migrations.AddField("stationcontact", "quota_reports", models.FloatField(null=True))]
