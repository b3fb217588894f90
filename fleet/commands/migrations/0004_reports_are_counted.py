"""Reports that are not kept as steps are counted."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the counter at 0: until now all reports were kept as steps."""

    dependencies = [("commands", "0003_withdrawals")]

    operations = [migrations.AddField("command", "reports_left_out", models.BigIntegerField(db_default=0, default=0))]
