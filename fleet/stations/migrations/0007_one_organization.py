"""Tags, groups, models and keys never reach a station of another organization: the database refuses it at commit."""

from django.db import migrations

#: Link table, its column, and the organization's table that the column refers to.
_LINKS = (
    ("stations_tag_stations", "tag_id", "stations_tag"),
    ("stations_stationgroup_members", "stationgroup_id", "stations_stationgroup"),
    ("organizations_apikey_stations", "apikey_id", "organizations_apikey"),
)
_OWNED = ("stations_tag", "stations_stationgroup", "stations_stationmodel", "organizations_apikey")

# Before, keys still reached a station after it had moved to another organization.
_TIDY = """
DELETE FROM organizations_apikey_stations l USING organizations_apikey k, stations_station s
 WHERE k.id = l.apikey_id AND s.id = l.station_id AND k.organization_id <> s.organization_id
"""

_STAYS = """
CREATE FUNCTION roost_organization_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'A row of % cannot go to another organization.', TG_TABLE_NAME USING ERRCODE = 'check_violation';
END $$
"""

# Rows are read again, because a later statement of the transaction may have corrected what this one wrote. The lock
# makes a concurrent move of the station wait, or makes this check wait and then see where the station went.
_LINK = """
CREATE FUNCTION roost_link_in_one_organization() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    is_wrong boolean;
BEGIN
    PERFORM 1 FROM stations_station WHERE id = NEW.station_id FOR SHARE;
    EXECUTE format(
        'SELECT EXISTS (SELECT 1 FROM %I l JOIN %I p ON p.id = l.%I JOIN stations_station s ON s.id = l.station_id
          WHERE l.id = $1 AND p.organization_id <> s.organization_id)', TG_TABLE_NAME, TG_ARGV[0], TG_ARGV[1]
    ) INTO is_wrong USING NEW.id;
    IF is_wrong THEN
        RAISE EXCEPTION 'A row of % reaches a station of another organization.', TG_TABLE_NAME
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$
"""

_STATION = """
CREATE FUNCTION roost_station_in_one_organization() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM stations_station s JOIN stations_stationmodel p ON p.id = s.model_id
         WHERE s.id = NEW.id AND p.organization_id <> s.organization_id
        UNION ALL
        SELECT 1 FROM stations_station s JOIN stations_tag_stations l ON l.station_id = s.id
          JOIN stations_tag p ON p.id = l.tag_id WHERE s.id = NEW.id AND p.organization_id <> s.organization_id
        UNION ALL
        SELECT 1 FROM stations_station s JOIN stations_stationgroup_members l ON l.station_id = s.id
          JOIN stations_stationgroup p ON p.id = l.stationgroup_id
         WHERE s.id = NEW.id AND p.organization_id <> s.organization_id
        UNION ALL
        SELECT 1 FROM stations_station s JOIN organizations_apikey_stations l ON l.station_id = s.id
          JOIN organizations_apikey p ON p.id = l.apikey_id WHERE s.id = NEW.id AND p.organization_id <> s.organization_id
    ) THEN
        RAISE EXCEPTION 'Station % has a model, tag, group or key of another organization.', NEW.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$
"""


def _stays(table: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        f"CREATE TRIGGER organization_stays BEFORE UPDATE OF organization_id ON {table} FOR EACH ROW "
        "WHEN (OLD.organization_id IS DISTINCT FROM NEW.organization_id) EXECUTE FUNCTION roost_organization_stays()",
        f"DROP TRIGGER organization_stays ON {table}",
    )


def _link(table: str, column: str, parent: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        f"CREATE CONSTRAINT TRIGGER in_one_organization AFTER INSERT OR UPDATE ON {table} "
        "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW "
        f"EXECUTE FUNCTION roost_link_in_one_organization('{parent}', '{column}')",
        f"DROP TRIGGER in_one_organization ON {table}",
    )


def _on_station(name: str, event: str, condition: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        f"CREATE CONSTRAINT TRIGGER {name} AFTER {event} ON stations_station DEFERRABLE INITIALLY DEFERRED "
        f"FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION roost_station_in_one_organization()",
        f"DROP TRIGGER {name} ON stations_station",
    )


_CHANGED = (
    "OLD.organization_id IS DISTINCT FROM NEW.organization_id OR "
    "(NEW.model_id IS NOT NULL AND OLD.model_id IS DISTINCT FROM NEW.model_id)"
)


class Migration(migrations.Migration):
    dependencies = [("stations", "0006_later_life"), ("organizations", "0004_keys")]

    operations = [
        migrations.RunSQL(_TIDY, migrations.RunSQL.noop),
        migrations.RunSQL(_STAYS, "DROP FUNCTION roost_organization_stays()"),
        migrations.RunSQL(_LINK, "DROP FUNCTION roost_link_in_one_organization()"),
        migrations.RunSQL(_STATION, "DROP FUNCTION roost_station_in_one_organization()"),
        *(_stays(table) for table in _OWNED),
        *(_link(*link) for link in _LINKS),
        _on_station("in_one_organization_made", "INSERT", "NEW.model_id IS NOT NULL"),
        _on_station("in_one_organization", "UPDATE OF organization_id, model_id", _CHANGED),
    ]
