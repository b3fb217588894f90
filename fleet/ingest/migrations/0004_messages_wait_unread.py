"""Messages of which reading would cost others their time wait unread."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """What was there before had been read."""

    dependencies = [("ingest", "0003_messages_wait_for_room_in_the_ledger")]

    operations = [
        migrations.AddField("quarantinedmessage", "is_unread", models.BooleanField(db_default=False, default=False))
    ]
