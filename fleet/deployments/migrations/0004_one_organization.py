"""At commit, the database refuses a site of another organization than the station's, and a room of another site."""

from django.db import migrations

# As in stations 0007: rows are read again, and a concurrent move of the station waits, or this check waits for it.
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

_STATION = """
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


class Migration(migrations.Migration):
    dependencies = [("deployments", "0003_antenna_cables"), ("stations", "0007_one_organization")]

    operations = [
        migrations.RunSQL(_DEPLOYMENT, "DROP FUNCTION roost_deployment_in_one_organization()"),
        migrations.RunSQL(_STATION, "DROP FUNCTION roost_station_among_its_sites()"),
        migrations.RunSQL(
            "CREATE CONSTRAINT TRIGGER in_one_organization AFTER INSERT OR UPDATE OF station_id, site_id "
            "ON deployments_deployment DEFERRABLE INITIALLY DEFERRED FOR EACH ROW "
            "EXECUTE FUNCTION roost_deployment_in_one_organization()",
            "DROP TRIGGER in_one_organization ON deployments_deployment",
        ),
        migrations.RunSQL(
            "CREATE CONSTRAINT TRIGGER among_its_sites AFTER UPDATE OF organization_id ON stations_station "
            "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW "
            "WHEN (OLD.organization_id IS DISTINCT FROM NEW.organization_id) "
            "EXECUTE FUNCTION roost_station_among_its_sites()",
            "DROP TRIGGER among_its_sites ON stations_station",
        ),
        migrations.RunSQL(
            "CREATE TRIGGER organization_stays BEFORE UPDATE OF organization_id ON deployments_site FOR EACH ROW "
            "WHEN (OLD.organization_id IS DISTINCT FROM NEW.organization_id) "
            "EXECUTE FUNCTION roost_organization_stays()",
            "DROP TRIGGER organization_stays ON deployments_site",
        ),
        migrations.RunSQL(
            "ALTER TABLE deployments_room ADD CONSTRAINT room_and_its_site UNIQUE (id, site_id)",
            "ALTER TABLE deployments_room DROP CONSTRAINT room_and_its_site",
        ),
        migrations.RunSQL(
            "ALTER TABLE deployments_deployment ADD CONSTRAINT deployment_room_at_its_site "
            "FOREIGN KEY (room_id, site_id) REFERENCES deployments_room (id, site_id) DEFERRABLE INITIALLY DEFERRED",
            "ALTER TABLE deployments_deployment DROP CONSTRAINT deployment_room_at_its_site",
        ),
    ]
