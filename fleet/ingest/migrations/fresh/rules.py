"""Rules that the tables of Django's models do not state: one organization, keys of two columns, room on pages."""

from django.db import migrations

#: Link table, its column, and the table of the organization's thing.
_LINKS = (
    ("stations_tag_stations", "tag_id", "stations_tag"),
    ("stations_stationgroup_members", "stationgroup_id", "stations_stationgroup"),
    ("organizations_apikey_stations", "apikey_id", "organizations_apikey"),
)
_OWNED = (
    "stations_tag",
    "stations_stationgroup",
    "stations_stationmodel",
    "organizations_apikey",
    "deployments_site",
)

_STAYS = """
CREATE FUNCTION roost_organization_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'A row of % cannot go to another organization.', TG_TABLE_NAME USING ERRCODE = 'check_violation';
END $$
"""

# Rows are read again: a later statement of the transaction may have set right what this one wrote. The lock makes
# whoever moves the station at the same time wait, or makes this wait and then see the station where it went.
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

_DEPLOYMENT = """
CREATE FUNCTION roost_deployment_in_one_organization() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM stations_station WHERE id = NEW.station_id FOR SHARE;
    IF EXISTS (
        SELECT 1 FROM deployments_deployment d JOIN stations_station s ON s.id = d.station_id
          JOIN deployments_site p ON p.id = d.site_id
         WHERE d.id = NEW.id AND p.organization_id <> s.organization_id
    ) THEN
        RAISE EXCEPTION 'Deployment % is at a site of another organization than its station.', NEW.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$
"""

_STATION_SITES = """
CREATE FUNCTION roost_station_among_its_sites() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM deployments_deployment d JOIN stations_station s ON s.id = d.station_id
          JOIN deployments_site p ON p.id = d.site_id
         WHERE s.id = NEW.id AND p.organization_id <> s.organization_id
    ) THEN
        RAISE EXCEPTION 'Station % has deployments at sites of another organization.', NEW.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$
"""

_ITEM = """
CREATE FUNCTION roost_status_item_in_one_organization() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM stations_station WHERE id = NEW.station_id FOR SHARE;
    IF EXISTS (
        SELECT 1 FROM status_pages_statusitem i LEFT JOIN stations_station s ON s.id = i.station_id
          LEFT JOIN deployments_site p ON p.id = i.site_id
         WHERE i.id = NEW.id AND i.page_id <> coalesce(s.organization_id, p.organization_id)
    ) THEN
        RAISE EXCEPTION 'Item % of a status page belongs to another organization.', NEW.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$
"""

_STATION_PAGE = """
CREATE FUNCTION roost_station_on_its_status_page() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM stations_station s JOIN status_pages_statusitem i ON i.station_id = s.id
         WHERE s.id = NEW.id AND i.page_id <> s.organization_id
    ) THEN
        RAISE EXCEPTION 'Station % is on the status page of another organization.', NEW.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$
"""

# Memberships are made by organizations, which are below alerts and do not know them.
_MEMBER = """
CREATE FUNCTION roost_member_gets_mails() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO alerts_destination (membership_id, channel, address, secret_seed, is_on, created_at, last_error)
    VALUES (NEW.id, 'mail', '', '', true, NEW.created_at, '');
    RETURN NULL;
END $$;
CREATE TRIGGER roost_member_gets_mails AFTER INSERT ON organizations_membership
FOR EACH ROW EXECUTE FUNCTION roost_member_gets_mails();
"""
_NO_MEMBER = """
DROP TRIGGER roost_member_gets_mails ON organizations_membership;
DROP FUNCTION roost_member_gets_mails();
"""

# Rows that are changed in place, again and again, need room for it on their page; notes come and go.
_ROOM = """
ALTER TABLE telemetry_series SET (fillfactor = 70);
ALTER TABLE telemetry_streamledger SET (fillfactor = 70);
ALTER TABLE telemetry_detectioncount SET (fillfactor = 80);
ALTER TABLE telemetry_readinghour SET (fillfactor = 90);
ALTER TABLE telemetry_readingday SET (fillfactor = 70);
ALTER TABLE telemetry_taghour SET (fillfactor = 80);
ALTER TABLE telemetry_dirtyhour SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
ALTER TABLE alerts_rulenote SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
"""

_CHANGED = (
    "OLD.organization_id IS DISTINCT FROM NEW.organization_id OR "
    "(NEW.model_id IS NOT NULL AND OLD.model_id IS DISTINCT FROM NEW.model_id)"
)


def _function(name: str, sql: str) -> migrations.RunSQL:
    return migrations.RunSQL(sql, f"DROP FUNCTION {name}()")


def _stays(table: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        f"CREATE TRIGGER organization_stays BEFORE UPDATE OF organization_id ON {table} FOR EACH ROW "
        "WHEN (OLD.organization_id IS DISTINCT FROM NEW.organization_id) EXECUTE FUNCTION roost_organization_stays()",
        f"DROP TRIGGER organization_stays ON {table}",
    )


def _at_commit(name: str, event: str, table: str, call: str, condition: str = "") -> migrations.RunSQL:
    """A trigger that looks at commit, when the transaction's rows are in order."""
    return migrations.RunSQL(
        f"CREATE CONSTRAINT TRIGGER {name} AFTER {event} ON {table} DEFERRABLE INITIALLY DEFERRED FOR EACH ROW "
        f"{condition and f'WHEN ({condition}) '}EXECUTE FUNCTION {call}",
        f"DROP TRIGGER {name} ON {table}",
    )


def _key(table: str, name: str, definition: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}", f"ALTER TABLE {table} DROP CONSTRAINT {name}"
    )


_MOVED = "OLD.organization_id IS DISTINCT FROM NEW.organization_id"

RULES = [
    migrations.RunSQL(_ROOM, migrations.RunSQL.noop),
    _function("roost_organization_stays", _STAYS),
    *(_stays(table) for table in _OWNED),
    _function("roost_link_in_one_organization", _LINK),
    *(
        _at_commit(
            "in_one_organization",
            "INSERT OR UPDATE",
            table,
            f"roost_link_in_one_organization('{parent}', '{column}')",
        )
        for table, column, parent in _LINKS
    ),
    _function("roost_station_in_one_organization", _STATION),
    _at_commit(
        "in_one_organization_made",
        "INSERT",
        "stations_station",
        "roost_station_in_one_organization()",
        "NEW.model_id IS NOT NULL",
    ),
    _at_commit(
        "in_one_organization",
        "UPDATE OF organization_id, model_id",
        "stations_station",
        "roost_station_in_one_organization()",
        _CHANGED,
    ),
    _function("roost_deployment_in_one_organization", _DEPLOYMENT),
    _at_commit(
        "in_one_organization",
        "INSERT OR UPDATE OF station_id, site_id",
        "deployments_deployment",
        "roost_deployment_in_one_organization()",
    ),
    _function("roost_station_among_its_sites", _STATION_SITES),
    _at_commit(
        "among_its_sites",
        "UPDATE OF organization_id",
        "stations_station",
        "roost_station_among_its_sites()",
        _MOVED,
    ),
    _function("roost_status_item_in_one_organization", _ITEM),
    _at_commit(
        "in_one_organization",
        "INSERT OR UPDATE",
        "status_pages_statusitem",
        "roost_status_item_in_one_organization()",
    ),
    _function("roost_station_on_its_status_page", _STATION_PAGE),
    _at_commit(
        "on_its_status_page",
        "UPDATE OF organization_id",
        "stations_station",
        "roost_station_on_its_status_page()",
        _MOVED,
    ),
    _key("deployments_room", "room_and_its_site", "UNIQUE (id, site_id)"),
    _key(
        "deployments_deployment",
        "deployment_room_at_its_site",
        "FOREIGN KEY (room_id, site_id) REFERENCES deployments_room (id, site_id) DEFERRABLE INITIALLY DEFERRED",
    ),
    _key("deployments_deployment", "deployment_and_its_station", "UNIQUE (id, station_id)"),
    _key(
        "files_photo",
        "photo_deployment_of_its_station",
        "FOREIGN KEY (deployment_id, station_id) REFERENCES deployments_deployment (id, station_id) "
        "DEFERRABLE INITIALLY DEFERRED",
    ),
    migrations.RunSQL(_MEMBER, _NO_MEMBER),
]
