"""Each member's choice about alert mails becomes their mail destination, and new members get one, switched on."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

# Memberships are made by organizations, which are below alerts and do not know them.
_TRIGGER = """
CREATE FUNCTION roost_member_gets_mails() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO alerts_destination (membership_id, channel, address, secret_seed, is_on, created_at, last_error)
    VALUES (NEW.id, 'mail', '', '', true, NEW.created_at, '');
    RETURN NULL;
END $$;
CREATE TRIGGER roost_member_gets_mails AFTER INSERT ON organizations_membership
FOR EACH ROW EXECUTE FUNCTION roost_member_gets_mails();
"""
_NO_TRIGGER = """
DROP TRIGGER roost_member_gets_mails ON organizations_membership;
DROP FUNCTION roost_member_gets_mails();
"""


def copy_choices(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Create each member's mail destination, on or off as they chose."""
    schema_editor.execute(
        "INSERT INTO alerts_destination (membership_id, channel, address, secret_seed, is_on, created_at, last_error) "
        "SELECT id, 'mail', '', '', is_alerted, created_at, '' FROM organizations_membership"
    )


def restore_choices(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Write each member's choice back."""
    schema_editor.execute(
        "UPDATE organizations_membership m SET is_alerted = d.is_on FROM alerts_destination d "
        "WHERE d.membership_id = m.id AND d.channel = 'mail'"
    )
    # The column holds 254 characters again, and no channel but mail is left to send these.
    schema_editor.execute(
        "DELETE FROM alerts_notification_incidents WHERE notification_id IN "
        "(SELECT id FROM alerts_notification WHERE channel <> 'mail' OR phase = 'test')"
    )
    schema_editor.execute("DELETE FROM alerts_notification WHERE channel <> 'mail' OR phase = 'test'")
    schema_editor.execute("UPDATE alerts_notification SET state = 'failed' WHERE state = 'dropped'")


class Migration(migrations.Migration):
    """A migration of its own, because PostgreSQL alters no table with rows changed in the same transaction."""

    dependencies = [("alerts", "0005_destinations")]

    operations = [
        migrations.RunPython(copy_choices, restore_choices),
        migrations.RunSQL(_TRIGGER, _NO_TRIGGER),
    ]
