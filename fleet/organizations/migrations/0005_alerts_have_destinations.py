"""Whether a member gets alert mails is kept with the destinations of alerts."""

from django.db import migrations


class Migration(migrations.Migration):
    """A member no longer has a column for it."""

    dependencies = [
        ("organizations", "0004_keys"),
        ("alerts", "0006_choices_about_mails"),
    ]

    operations = [migrations.RemoveField("membership", "is_alerted")]
