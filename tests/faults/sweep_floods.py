"""Suspends stations that flood, every ten seconds as the schedule does; run with a rig's environment."""

import time

import django

django.setup(set_prefix=False)

from fleet.stations.logins.suspension import floods_suspend  # noqa: E402 - Django first


def main() -> None:
    """Sweep until the process is stopped."""
    while True:
        floods_suspend()
        time.sleep(10.0)


if __name__ == "__main__":
    main()
