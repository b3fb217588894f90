"""The views of analysts: each shows the rows of the organization whose login asks.

The views are barriers: a condition of the reader is tried only on rows that are the reader's. `session_user` is the
role that logged in; no SET ROLE changes it.
"""

from django.db import migrations

_MINE = (
    "(SELECT l.organization_id FROM exports_analystlogin l "
    "JOIN organizations_organization o ON o.id = l.organization_id "
    "WHERE l.role = session_user::text AND o.deleted_at IS NULL)"
)
_STATION = f"st.organization_id = {_MINE} AND st.deleted_at IS NULL"
_SUSPICIONS = (
    "CASE WHEN r.flags <> 0 THEN concat_ws(' ', "
    "CASE WHEN r.flags & 1 <> 0 THEN 'epoch' END, CASE WHEN r.flags & 2 <> 0 THEN 'future' END, "
    "CASE WHEN r.flags & 4 <> 0 THEN 'unsynchronised' END, CASE WHEN r.flags & 8 <> 0 THEN 'ancient' END, "
    "CASE WHEN r.flags & 16 <> 0 THEN 'damaged_file' END, CASE WHEN r.flags & 32 <> 0 THEN 'outside' END, "
    "CASE WHEN r.flags & 64 <> 0 THEN 'same_moment' END, CASE WHEN r.flags & 128 <> 0 THEN 'shifted' END) "
    "END AS suspicions"
)
#: In each view, `@mine` stands for the organization of who asks, `@station` for its stations.
_VIEWS = {
    "stations": "SELECT st.serial AS station, st.name, st.registered_at, st.retired_at FROM stations_station st "
    "WHERE @station",
    "sites": "SELECT p.name AS site, p.latitude, p.longitude, p.elevation_m, p.timezone FROM deployments_site p "
    "WHERE p.organization_id = @mine",
    "deployments": "SELECT d.id AS deployment, st.serial AS station, p.name AS site, lower(d.period) AS start_at, "
    "upper(d.period) AS end_at, coalesce(d.latitude, p.latitude) AS latitude, "
    "coalesce(d.longitude, p.longitude) AS longitude, p.elevation_m, p.timezone, d.is_public, d.location, "
    "d.description FROM deployments_deployment d JOIN stations_station st ON st.id = d.station_id "
    "JOIN deployments_site p ON p.id = d.site_id WHERE @station AND p.organization_id = st.organization_id",
    "antennas": "SELECT a.deployment_id AS deployment, a.port, a.type, a.bearing_deg, a.height_m, a.frequency_mhz, "
    "a.polarization FROM deployments_antenna a JOIN deployments_deployment d ON d.id = a.deployment_id "
    "JOIN stations_station st ON st.id = d.station_id JOIN deployments_site p ON p.id = d.site_id "
    "WHERE @station AND p.organization_id = st.organization_id",
    "series": "SELECT s.id AS series_id, st.serial AS station, s.name AS series, s.unit, s.last_at, s.last_value "
    "FROM telemetry_series s JOIN stations_station st ON st.id = s.station_id WHERE @station",
    "readings": "SELECT st.serial AS station, r.occurred_at AS at, r.received_at, s.id AS series_id, s.name AS series, "
    "r.value, s.unit, r.sent_value, r.sent_unit, @suspicions FROM telemetry_reading r "
    "JOIN telemetry_series s ON s.id = r.series_id JOIN stations_station st ON st.id = s.station_id WHERE @station",
    "detections": "SELECT st.serial AS station, r.occurred_at AS at, r.received_at, "
    "CASE r.kind WHEN 1 THEN 'pulse' ELSE 'tag' END AS kind, r.port, r.tag, r.freq AS \"freq_kHz\", "
    'r.sig AS "sig_dB", r.noise AS "noise_dB", r.snr AS "snr_dB", r.rssi AS "rssi_dBm", r.is_used, r.node, '
    "r.is_validated, r.also, r.line, @suspicions FROM telemetry_detection r "
    "JOIN stations_station st ON st.id = r.station_id WHERE @station",
    "positions": "SELECT st.serial AS station, r.occurred_at AS at, r.received_at, r.latitude, r.longitude, "
    "r.altitude_m, r.source, r.line, @suspicions FROM telemetry_position r "
    "JOIN stations_station st ON st.id = r.station_id WHERE @station",
    "events": "SELECT st.serial AS station, r.occurred_at AS at, r.received_at, r.name, r.port, r.data, r.source, "
    "r.line, @suspicions FROM telemetry_stationevent r JOIN stations_station st ON st.id = r.station_id "
    "WHERE @station",
}

SHOWN = [
    migrations.RunSQL("CREATE SCHEMA analyst", "DROP SCHEMA analyst"),
    *(
        migrations.RunSQL(
            f"CREATE VIEW analyst.{name} WITH (security_barrier) AS "
            + query.replace("@mine", _MINE).replace("@station", _STATION).replace("@suspicions", _SUSPICIONS),
            f"DROP VIEW analyst.{name}",
        )
        for name, query in _VIEWS.items()
    ),
]
