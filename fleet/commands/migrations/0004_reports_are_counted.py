"""Reports that are not kept as steps are counted."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """What was there before was kept whole."""

    dependencies = [("commands", "0003_withdrawals")]

    operations = [migrations.AddField("command", "reports_left_out", models.BigIntegerField(db_default=0, default=0))]
