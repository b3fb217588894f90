"""The rows that a new database has: the models of stations that everybody knows, and what they can measure."""

from typing import Any

#: Manufacturer, name, kind, and each series with its unit in SenML's notation and its limits.
KNOWN = (
    ("Sensorgnome", "V1 (BeagleBone)", "receiver", ()),
    ("Sensorgnome", "V2 (Raspberry Pi)", "receiver", (("cpu_temperature", "Cel", -60.0, 130.0),)),
    (
        "CTT",
        "SensorStation",
        "receiver",
        (
            ("battery_voltage", "V", 0.0, 100.0),
            ("solar_voltage", "V", 0.0, 200.0),
            ("cpu_temperature", "Cel", -60.0, 130.0),
        ),
    ),
    ("Lotek", "SRX", "receiver", ()),
    ("Sigma Eight", "Orion", "receiver", ()),
    (
        "",
        "Air-quality node",
        "air_quality",
        # Humidity sensors read a little more than all where dew falls on them.
        (("co2", "ppm", 0.0, 40_000.0), ("temperature", "Cel", -90.0, 85.0), ("humidity", "%RH", 0.0, 105.0)),
    ),
    ("", "Controller", "controller", ()),
    ("", "Lab board", "board", ()),
)


def known_add(apps: Any, schema_editor: Any) -> None:
    """Insert the known models of stations."""
    station_model = apps.get_model("stations", "StationModel")
    quantity = apps.get_model("stations", "ModelQuantity")
    for manufacturer, name, kind, measured in KNOWN:
        made = station_model.objects.create(manufacturer=manufacturer, name=name, kind=kind)
        quantity.objects.bulk_create(
            [
                quantity(model=made, name=series, unit=unit, least=least, most=most)
                for series, unit, least, most in measured
            ]
        )
