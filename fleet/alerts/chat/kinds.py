"""The kinds of chat and push services that an address may name, and what it may contain. Imports no code of Roost.

Apprise knows many more. Each kind here was checked in Apprise's source: it connects only through `requests`, which
`fleet.alerts.chat.process` guards, and only those of its parameters are allowed that read no file, fetch nothing,
switch off no check, and send nothing twice.
"""

from dataclasses import dataclass, field

#: Roost cuts the text at a line break first; this handles any excess that markup adds afterwards.
_ADDED = "overflow=truncate&retry=0"


@dataclass(frozen=True, slots=True)
class ChatKind:
    """One kind: its name for people, its schemas, and the parameters that may follow the question mark.

    `shows_host`: the address begins with the server's name, which may be shown; elsewhere a token stands there.
    `delivering`: the HTTP methods of requests that may deliver the message. `modes`: Apprise's ways to send there that
    are allowed; empty: all. `forbidden`: ends of web addresses whose requests would change more than a message does.
    `added`: parameters that Roost adds.
    """

    name: str
    schemas: tuple[str, ...]
    parameters: frozenset[str] = field(default_factory=frozenset)
    shows_host: bool = False
    delivering: frozenset[str] = frozenset({"POST", "PUT", "PATCH", "DELETE"})
    modes: frozenset[str] = frozenset()
    forbidden: tuple[str, ...] = ()
    added: str = _ADDED


KINDS = (
    ChatKind("Discord", ("discord",), frozenset({"footer", "thread", "tts"})),
    ChatKind("Google Chat", ("gchat",), frozenset({"key", "thread", "token", "workspace"})),
    ChatKind("Gotify", ("gotifys", "gotify"), frozenset({"priority"}), shows_host=True),
    # Joining a room and asking who we are deliver nothing. A login for each message would soon be refused.
    ChatKind(
        "Matrix",
        ("matrixs", "matrix"),
        frozenset({"hsreq", "msgtype", "v", "version"}),
        shows_host=True,
        delivering=frozenset({"PUT"}),
        modes=frozenset({"off"}),
        forbidden=("/createRoom", "/register", "/login"),
        # Nothing is kept between messages, so with encryption each one would upload the keys of a new device.
        added=f"{_ADDED}&e2ee=no",
    ),
    ChatKind("Mattermost", ("mmosts", "mmost"), frozenset({"channel"}), shows_host=True),
    ChatKind("Microsoft Teams", ("workflows",), frozenset({"api-version", "pa", "route", "sig", "ver"})),
    ChatKind("Nextcloud Talk", ("nctalks", "nctalk"), frozenset({"silent", "url_prefix"}), shows_host=True),
    ChatKind("ntfy", ("ntfys", "ntfy"), frozenset({"auth", "priority", "tags", "xtags"}), shows_host=True),
    ChatKind("Pushover", ("pover",), frozenset({"priority", "sound"})),
    ChatKind(
        "Rocket.Chat",
        ("rockets", "rocket"),
        frozenset({"avatar"}),
        shows_host=True,
        modes=frozenset({"token", "webhook"}),
    ),
    ChatKind("Signal", ("signals", "signal"), frozenset({"status"}), shows_host=True),
    ChatKind("Slack", ("slack",), frozenset({"footer"})),
    ChatKind("Telegram", ("tgram",), frozenset({"preview", "silent", "thread", "topic"})),
    ChatKind("Twilio", ("twilio",)),
    ChatKind("Vonage", ("vonage",)),
    ChatKind("Webex", ("wxteams",)),
    ChatKind("Zulip", ("zulip",)),
)
KIND_BY_SCHEMA = {schema: kind for kind in KINDS for schema in kind.schemas}


def schema_of(address: str) -> str:
    """The part before `://`, in lower case; empty if there is none."""
    before, found, _rest = address.partition("://")
    return before.strip().lower() if found else ""
