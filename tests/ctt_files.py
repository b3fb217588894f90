"""Texts of CTT SensorStation files as each firmware writes them."""

V1_TAGS = "Time,RadioId,TagId,TagRSSI,NodeId"
V2_TAGS = f"{V1_TAGS},Validated"
V1_HEALTH = "Time,RadioId,NodeId,NodeRSSI,Battery,Celsius"
V2_HEALTH = f"{V1_HEALTH},RecordedAt,Firmware,SolarVolts,SolarCurrent,CumulativeSolarCurrent,Latitude,Longitude"
V1_GPS = "recorded at,gps at,latitude,longitude,altitude,quality"
V2_GPS = f"{V1_GPS},mean lat,mean lng,n fixes"
BLU = "UsbPort,BluRadioId,RadioId,Time,TagRSSI,TagId,Sync,Product,Revision,NodeId,Payload"
SERIAL = "CTT-V30B0154CD0C"


def file_name(kind="raw-data", *, serial=SERIAL, closed="2022-08-15_095039", end=".csv"):
    return f"{serial}-{kind}.{closed}{end}" if closed else f"{serial}-{kind}{end}"


def text(*lines):
    """The lines with the ends that stations write."""
    return "".join(f"{line}\r\n" for line in lines).encode()


def tags_text(rows=20, *, heading=V2_TAGS):
    """Rows of the station's own radios and of nodes, a third of them not validated."""
    lines = [heading]
    for n in range(rows):
        node = "3B8B1F" if n % 4 == 0 else ""
        row = f"2022-08-15 09:{n // 60:02d}:{n % 60:02d},{n % 3 + 1},{0x61527F00 + n % 5:08X},{-60 - n % 40},{node}"
        lines.append(row if heading == V1_TAGS else f"{row},{int(n % 3 > 0)}")
    return text(*lines)


def health_text(rows=6):
    lines = [V2_HEALTH]
    for n in range(rows):
        at = f"2022-08-15 09:{n:02d}:30"
        lines.append(f"{at},1,3b8b1{n % 2},-70,4.{n},21.5,2022-08-15 09:{n:02d}:28,v1.2,5.1,30,1200,38.24,-75.13")
    return text(*lines)


def gps_text():
    return text(
        V2_GPS,
        "2022-08-15 09:00:00,2022-08-15 08:59:59,38.240977,-75.136032,2.7,3,38.24098,-75.13604,120",
        "2022-08-15 09:15:00,,,,,",
        "2022-08-15 09:30:00,2022-08-15 09:29:59,0,0,0,0,0,0,0",
    )


def blu_text():
    return text(
        BLU,
        "2,1,1,2022-08-15 09:00:00.125,-72,2D4B784C,13,1,2,3B8B1F,0ab1c2",
        "2,2,1,2022-08-15 09:00:01.250,-81,2D4B784C,14,1,2,,0ab1c3",
    )
