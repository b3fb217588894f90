"""`manage pace`: ask a station, an organization or the whole fleet to slow down, pause, or spread reconnects."""

import argparse
from collections.abc import Callable
from typing import Any

from fleet.commands.models import Congestion
from fleet.commands.pacing import pace_ask, stations_connected
from fleet.core import clock
from fleet.core.command_line import WordCommand
from fleet.organizations.access import viewer_of_server
from fleet.organizations.selectors import organization_get
from fleet.stations.selectors import station_get

Options = dict[str, Any]


class Command(WordCommand):
    """Command line interface to pacing."""

    help = "Ask stations to change their pace."

    def words(self, add: Callable[..., argparse.ArgumentParser]) -> None:
        """Add the subcommands of `pace`."""
        word = add("ask", self.pace_ask, help="ask stations that are connected now; without a choice, all of them")
        word.add_argument("--station", default="", metavar="SERIAL", help="only this station")
        word.add_argument("--organization", default="", metavar="NAME", help="only stations of this organization")
        word.add_argument("--slowdown", type=int, default=1, metavar="FACTOR", help="report this many times less often")
        word.add_argument("--hold", type=int, default=0, metavar="SECONDS", help="send nothing but command results")
        word.add_argument("--spread", type=int, default=0, metavar="SECONDS", help="spread reconnects over this time")
        word.add_argument("--for", type=int, default=3_600, metavar="SECONDS", dest="lasts", help="how long this lasts")
        add("log", self.pace_log, help="list the times when Roost could not keep up and asked stations to slow down")

    def pace_ask(self, options: Options) -> None:
        """Send `pace` to the chosen stations."""
        viewer = viewer_of_server("command line")
        stations = stations_connected(clock.now())
        if options["station"]:
            stations = stations.model.objects.filter(pk=station_get(viewer=viewer, serial=options["station"]).pk)
        elif options["organization"]:
            stations = stations.filter(organization=organization_get(name=options["organization"]))
        parameters = {
            "slowdown": options["slowdown"],
            "hold_for": options["hold"],
            "spread": options["spread"],
            "for_s": options["lasts"],
        }
        asked = pace_ask(viewer=viewer, stations=stations, parameters=parameters)
        if options["json"]:
            self.data_print({"asked": asked})
        else:
            self.stdout.write(f"{asked} stations were asked. Their answers appear under their commands.")

    def pace_log(self, options: Options) -> None:
        """Print the last 50 congestions."""
        times = list(Congestion.objects.order_by("-started_at")[:50])
        if options["json"]:
            keys = ("cause", "waiting", "asked", "started_at", "ended_at")
            self.data_print([{key: getattr(time, key) for key in keys} for time in times])
            return
        headings = ("from", "to", "cause", "waiting", "asked")
        rows = [
            (
                f"{time.started_at:%Y-%m-%d %H:%M:%S}",
                f"{time.ended_at:%Y-%m-%d %H:%M:%S}" if time.ended_at else "now",
                time.cause,
                str(time.waiting),
                str(time.asked),
            )
            for time in times
        ]
        self.table_print(headings, rows)
