"""The command `station-agent`: run, enrol, claim, register, status, replay, upload."""

import contextlib
import json
import logging
import sys
import time
from pathlib import Path
from typing import Annotated, Any, NoReturn

import qrcode
import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from message_queue.routing import is_upload
from station_agent import __version__, sources
from station_agent.config import (
    AmqpSettings,
    Config,
    config_load,
    config_path_default,
    config_read,
    state_dir_default,
)
from station_agent.daemon import Daemon
from station_agent.errors import AgentError, WrongUse, misuse_say
from station_agent.identity import enrolment
from station_agent.identity import waiting as joining
from station_agent.replay.run import ReplayFeed, replay_run
from station_agent.replay.words import is_anything_left, replay_show
from station_agent.station import LinkState
from station_agent.status import status_read, status_say
from station_agent.uploads.amqp import AmqpUploader
from station_agent.uploads.sending import FileSender
from station_agent.uploads.tus import Uploader
from station_agent.uploads.upload import AT_ONCE, result_say, results_json, total_say, upload_run
from station_agent.waiting_line import waiting
from station_agent.words import bytes_say

app = typer.Typer(
    name="station-agent",
    help="Send a field station's data to its Roost server, and run the commands the server sends.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="Configuration file. Default: STATION_AGENT_CONFIG, or the usual place."
    ),
]
ServerOption = Annotated[str, typer.Option(metavar="URL", help="Address of the Roost server.")]
SerialOption = Annotated[
    str | None, typer.Option(metavar="SERIAL", help="This station's serial. Default: its host name.")
]
CaOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The server's certificate authority, if it has its own.")
]
InsecureOption = Annotated[
    bool, typer.Option("--insecure-http", help="Allow http:// to another machine, where the password can be read.")
]
#: Seconds between two refreshes of `status --watch`.
WATCH_SECONDS = 2.0
#: Seconds between two updates of the line that shows an upload's progress.
PROGRESS_SECONDS = 0.2
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
#: typer brings its own click, or uses the installed one: this is the usage error class of either.
_UsageError: Any = typer.BadParameter.__mro__[1]


def _config(path: Path | None) -> Config:
    config = config_load(path or config_path_default())
    sources.sources_check(config)
    return config


def _log(*, verbose: bool) -> None:
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr
    )
    # pika logs five lines for every failed attempt; the agent logs one sentence.
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    logging.getLogger("asyncio").setLevel(logging.WARNING)


@app.command()
def run(
    config: ConfigOption = None,
    *,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log more.")] = False,
) -> None:
    """Run the agent until it is stopped."""
    path = config or config_path_default()
    settings = _config(path)
    if is_upload(settings.amqp.exchange):
        raise WrongUse(
            f"{path} contains a desk's login: use it with `station-agent replay`. A station needs its own enrolment."
        )
    _log(verbose=verbose)
    if path.exists() and path.stat().st_mode & 0o077:
        logging.getLogger(__name__).warning("Others can read %s, which contains a password: chmod 600 %s", path, path)
    raise typer.Exit(Daemon(settings, config_path=path).run())


@app.command()
def enrol(
    server: ServerOption,
    token: Annotated[str, typer.Option(metavar="TOKEN", help="The enrolment token from the server.")],
    serial: SerialOption = None,
    config: ConfigOption = None,
    ca: CaOption = None,
    *,
    for_upload: Annotated[
        bool,
        typer.Option("--for-upload", help="Enrol a desk that replays the station's cards, not the station itself."),
    ] = False,
    insecure_http: InsecureOption = False,
) -> None:
    """Exchange a token for this station's login, write the configuration, and test the connection."""
    path = config or config_path_default()
    address = enrolment.server_check(server, insecure_http=insecure_http)
    if for_upload:
        enrolment.config_for_upload_check(path)
    name = enrolment.serial_choose(serial, path)
    with waiting(f"Asking {address} for the login of {name} …"):
        amqp = enrolment.enrolment_ask(server=address, token=token, serial=name, ca_file=ca, for_upload=for_upload)
    _finish_enrolment(path, address, name, amqp)


@app.command()
def claim(
    server: ServerOption,
    serial: SerialOption = None,
    config: ConfigOption = None,
    ca: CaOption = None,
    *,
    insecure_http: InsecureOption = False,
) -> None:
    """Show a code and a QR code, wait until somebody claims this station with it, and enrol."""
    path = config or config_path_default()
    place = _place(server, serial, path, ca, insecure_http=insecure_http)
    with waiting(f"Asking {place.server} for a code …"):
        shown = joining.claim_open(place)
    _code_show(place, shown)
    login = joining.login_await(place, shown.secret, say=_say)
    if login is not None:
        _finish_enrolment(path, place.server, *login)


@app.command()
def register(
    server: ServerOption,
    code: Annotated[str, typer.Option(metavar="CODE", help="The organization's registration code.")],
    serial: SerialOption = None,
    config: ConfigOption = None,
    ca: CaOption = None,
    give_up: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Stop waiting after this time; the next call continues.", min=0.0),
    ] = None,
    *,
    insecure_http: InsecureOption = False,
) -> None:
    """Ask to join an organization, wait until a person accepts this station, and enrol."""
    path = config or config_path_default()
    place = _place(server, serial, path, ca, insecure_http=insecure_http)
    folder = Path(str(config_read(path).get("state_dir") or state_dir_default()))
    secret = joining.arrival_begin(place, code, folder)
    _say(f"{place.serial} has asked to join at {place.server}. Now somebody has to accept it there.")
    try:
        login = joining.login_await(place, secret, say=_say, give_up=give_up)
    except joining.NotLetIn:
        joining.arrival_forget(folder)
        raise
    if login is None:
        raise AgentError(f"Nobody has accepted {place.serial} yet. Run the same command again to keep waiting.")
    joining.arrival_forget(folder)
    _finish_enrolment(path, place.server, *login)


def _place(server: str, serial: str | None, path: Path, ca: Path | None, *, insecure_http: bool) -> joining.JoinTarget:
    address = enrolment.server_check(server, insecure_http=insecure_http)
    return joining.JoinTarget(address, enrolment.serial_choose(serial, path), ca)


def _say(sentence: str) -> None:
    print(sentence, flush=True)


def _code_show(place: joining.JoinTarget, shown: joining.ClaimCode) -> None:
    """Show code, address and QR code; on a terminal always dark on light."""
    _say(f"Claim {place.serial} within 30 minutes. The code is\n\n    {shown.code}\n\nType it at {shown.address}")
    picture = qrcode.QRCode(border=2, error_correction=qrcode.constants.ERROR_CORRECT_L)
    picture.add_data(shown.address)
    # A terminal that cannot show it still shows the code.
    with contextlib.suppress(UnicodeEncodeError):
        picture.print_ascii(tty=sys.stdout.isatty())
    _say("Waiting until somebody claims it. Press Ctrl-C to stop.")


def _finish_enrolment(path: Path, address: str, serial: str, amqp: AmqpSettings) -> None:
    """Write the login to the configuration and test it."""
    name = enrolment.enrolment_write(config_path=path, server=address, serial=serial, amqp=amqp)
    if is_upload(amqp.exchange):
        print(f"This desk can upload files of {name} to {address}; its login is in {path}.")
    else:
        print(f"Station {name} is enrolled at {address}; its login is in {path}.")
    with waiting(f"Testing the connection to {amqp.host}:{amqp.port} …"):
        trouble = enrolment.connection_test(amqp)
    if trouble:
        raise AgentError(f"The connection to {amqp.host}:{amqp.port} does not work yet. {trouble}")
    secured = "encrypted, the server's certificate is trusted" if amqp.tls else "NOT encrypted"
    print(f"The connection to {amqp.host}:{amqp.port} works ({secured}).")


@app.command()
def status(
    config: ConfigOption = None,
    *,
    as_json: JsonOption = False,
    watch: Annotated[bool, typer.Option("--watch", help="Keep showing it until Ctrl-C.")] = False,
) -> None:
    """Show the state of this station and its connection."""
    settings = _config(config)
    if watch and as_json:
        raise WrongUse("Choose one: --watch is for people, --json prints once for programs.")
    if as_json:
        print(json.dumps(status_read(settings), indent=2))
    elif watch:
        _status_watch(settings)
    else:
        Console(highlight=False, soft_wrap=not sys.stdout.isatty()).print(_status_table(settings))


def _status_table(settings: Config) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for subject, sentence in status_say(settings):
        table.add_row(subject, Text(sentence))
    return table


def _status_watch(settings: Config) -> None:
    """Show the state until Ctrl-C: in place on a terminal, again and again in a log."""
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    with contextlib.suppress(KeyboardInterrupt), Live(console=console, auto_refresh=False) as live:
        while True:
            if console.is_terminal:
                live.update(_status_table(settings), refresh=True)
            else:
                console.print(_status_table(settings), "")
            time.sleep(WATCH_SECONDS)


@app.command()
def replay(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="An SGdata folder, or the folder of one day.")],
    config: ConfigOption = None,
    *,
    as_json: JsonOption = False,
    give_up: Annotated[
        float, typer.Option(metavar="SECONDS", help="Stop when nothing has been confirmed for this long.", min=1.0)
    ] = 600.0,
    also_of: Annotated[
        list[str] | None,
        typer.Option(metavar="SERIAL", help="Also send files named for this serial; can be repeated."),
    ] = None,
    any_station: Annotated[bool, typer.Option(help="Send files named for any station as this one's.")] = False,
) -> None:
    """Send every data file in a folder, with all raw pulses. Running it again stores nothing twice.

    The exit code is 1 if something was refused, or left because it is named for another station.
    """
    settings = _config(config)
    if not folder.is_dir():
        raise WrongUse(f"{folder} is not a folder: name the SGdata folder.")
    _log(verbose=False)
    logging.getLogger().setLevel(logging.ERROR)
    console = Console(stderr=True, highlight=False)
    with Live(console=console, transient=True, auto_refresh=False) as live:
        shown = ""

        def tell(feed: ReplayFeed, view: LinkState) -> None:
            nonlocal shown
            line = f"File {len(feed.reports)} of {feed.files}, {feed.messages_confirmed} messages confirmed. {view.reason} {view.trouble}"
            if console.is_terminal:
                live.update(Text(line), refresh=True)
            elif view.reason != shown and view.connected_since is None and view.last_confirm_at is None:
                shown = view.reason
                console.print(view.reason)

        feed = replay_run(settings, folder, give_up=give_up, tell=tell, also_of=also_of or (), any_station=any_station)
    replay_show(feed, as_json=as_json)
    if feed.messages_returned:
        raise AgentError(
            f"No queue on the server accepted {feed.messages_returned} messages. Try again in half an hour; if it "
            "happens again, ask the people who run the server whether the station was removed."
        )
    if is_anything_left(feed):
        raise typer.Exit(1)


@app.command()
def upload(
    place: Annotated[Path, typer.Argument(metavar="DIR|FILE", help="A folder with everything below it, or one file.")],
    config: ConfigOption = None,
    ca: CaOption = None,
    *,
    as_json: JsonOption = False,
    give_up: Annotated[
        float, typer.Option(metavar="SECONDS", help="Stop when nothing has arrived for this long.", min=1.0)
    ] = 600.0,
    insecure_http: InsecureOption = False,
    over_amqp: Annotated[
        bool,
        typer.Option(
            "--over-amqp", help="Send over AMQP, like data. This is the default if the configuration names no server."
        ),
    ] = False,
) -> None:
    """Upload files as they are. Files that the server has are not sent again, and an interrupted upload continues.

    The exit code is 1 if something was refused.
    """
    settings = _config(config)
    if not place.exists():
        raise WrongUse(f"{place} does not exist: name a folder or a file.")
    _log(verbose=False)
    logging.getLogger().setLevel(logging.ERROR)
    uploader = _uploader(settings, ca, give_up=give_up, insecure_http=insecure_http, over_amqp=over_amqp)
    console, results, shown_at = Console(stderr=True, highlight=False), [], 0.0
    with contextlib.closing(uploader), Live(console=console, transient=True, auto_refresh=False) as live:

        def tell(name: str, there: int, size: int) -> None:
            nonlocal shown_at
            if console.is_terminal and time.monotonic() - shown_at > PROGRESS_SECONDS:
                shown_at = time.monotonic()
                live.update(Text(f"{name}: {bytes_say(there)} of {bytes_say(size)}"), refresh=True)

        for result in upload_run(uploader, place, tell, at_once=AT_ONCE if isinstance(uploader, Uploader) else 1):
            results.append(result)
            if not as_json:
                print(result_say(result), flush=True)
    print(results_json(results, uploader.sent) if as_json else total_say(results, uploader.sent))
    if any(result.outcome == "refused" for result in results):
        raise typer.Exit(1)


def _uploader(settings: Config, ca: Path | None, *, give_up: float, insecure_http: bool, over_amqp: bool) -> FileSender:
    """The uploader to use, over HTTPS or AMQP. Raises `WrongUse`."""
    if settings.server and not over_amqp:
        address = enrolment.server_check(settings.server, insecure_http=insecure_http)
        login = settings.amqp.username, settings.amqp.password
        return Uploader(server=address, login=login, ca_file=ca, give_up=give_up)
    if is_upload(settings.amqp.exchange):
        raise WrongUse("A desk sends files over HTTPS only: its configuration needs the address of the `server`.")
    return AmqpUploader(settings.amqp, heartbeat=settings.heartbeat, give_up=give_up)


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer's callback
    if wanted:
        print(f"station-agent {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    _version_wanted: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def _end(sentence: str, code: int) -> NoReturn:
    print(sentence, file=sys.stderr)
    raise SystemExit(code)


def main() -> None:
    """Run the command; print errors as one sentence, and exit with 2 for wrong use."""
    try:
        code = app(standalone_mode=False)
    except AgentError as error:
        _end(str(error), error.exit_code)
    except _UsageError as error:
        _end(misuse_say(error.format_message(), ask="See `station-agent --help`."), 2)
    except (typer.Abort, KeyboardInterrupt):
        _end("Stopped.", 130)
    raise SystemExit(code if isinstance(code, int) else 0)
