"""`./roost station`: registering stations from the command line; each word is one call of the domain."""

from __future__ import annotations

import typer

station = typer.Typer(help="Register, list, look at and revoke stations.", rich_markup_mode=None)


@station.callback()
def _station() -> None:
    """Stations."""
