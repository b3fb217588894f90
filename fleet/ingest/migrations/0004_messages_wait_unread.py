"""Messages wait unread if reading them would delay others."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """All existing messages had been read."""

    dependencies = [("ingest", "0003_messages_wait_for_room_in_the_ledger")]

    operations = [
        migrations.AddField("quarantinedmessage", "is_unread", models.BooleanField(db_default=False, default=False))
    ]
