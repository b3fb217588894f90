"""The kind of network over which the station reaches the internet, by the name of the default route's interface."""

from pathlib import Path

_ROUTES = Path("/proc/net/route")
_KINDS = (
    ("ethernet", ("eth", "en", "end", "lan")),
    ("wifi", ("wl",)),
    ("mobile", ("wwan", "ppp", "usb", "rmnet", "cdc")),
)


def network_kind(routes: Path = _ROUTES) -> str:
    """`ethernet`, `wifi`, `mobile`, or empty if it cannot be told."""
    try:
        lines = routes.read_text("ascii", "replace").splitlines()[1:]
    except OSError:
        return ""
    found = [fields for line in lines if len(fields := line.split()) > 6 and fields[1] == "00000000"]
    # The lowest metric counts.
    found.sort(key=lambda fields: int(fields[6]) if fields[6].isdigit() else 0)
    for fields in found:
        for kind, beginnings in _KINDS:
            if fields[0].startswith(beginnings):
                return kind
    return ""
