"""Every error of Motus that somebody may meet: how it is switched on, where it is seen, and its sentence there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class MotusError:
    """One error. `faults` are switches of the simulator; `does` names the step of the walk that meets it."""

    does: str
    sentence: str
    faults: Mapping[str, Any] = field(default_factory=dict)
    #: Changes made before, by name in the walk.
    before: str = ""

    @property
    def name(self) -> str:
        """A name for its picture."""
        words = [self.does, self.before, *(f"{key}-{value}" for key, value in self.faults.items())]
        return "_".join(word for word in words if word).replace("/", "-").replace(" ", "-")[:90]


def _of(does: str, *cases: tuple[Mapping[str, Any], str], before: str = "", only: str = "") -> list[MotusError]:
    narrowed: Mapping[str, Any] = {"only": only} if only else {}
    return [MotusError(does, sentence, {**narrowed, **faults}, before) for faults, sentence in cases]


_WEB_PAGE = "answered with a web page instead of data; it may be under maintenance"
ERRORS: list[MotusError] = [
    *_of(
        "login",
        ({}, "Motus accepts the login. Its projects: 1 North Shore."),
        ({"html": True}, f"Motus {_WEB_PAGE}"),
        ({"internal_error": True}, "Motus has an internal error (status 500)"),
        ({"busy_retry_after": 60}, "Motus is busy and asks us to wait"),
        ({"error_in_band": "disk full"}, "Motus refused: disk full"),
        ({"truncated": True}, "Motus' answer was cut off or is not valid JSON"),
        ({"cut": True}, "The connection to Motus broke"),
        ({"slow_s": 1.5}, "Motus did not answer in time"),
        ({"moved": True}, "Motus has moved (status 301)"),
        ({"clock_drift_s": 1_200.0}, "This server's clock is 20 min behind Motus' clock"),
        ({"login_locked": True}, "Too many failed attempts, the login is locked for 30 minutes"),
        ({"lost_project": 1}, "Motus accepts the login, but it belongs to no project"),
        ({"odd_projects": True}, "listed its projects in a form that Roost does not know"),
    ),
    *_of("login", ({}, "Motus does not accept the login with its password: correct them."), before="wrong password"),
    *_of("login", ({}, "it has no rights in project 9"), before="foreign project"),
    *_of("login", ({}, "cannot be read with this server's key: enter it again"), before="another key"),
    *_of("login", ({}, "Motus' certificate cannot be trusted, so nothing was asked"), before="expired certificate"),
    *_of(
        "deployments",
        ({"html": True}, f"Motus {_WEB_PAGE}"),
        ({"internal_error": True}, "Motus has an internal error (status 500)"),
        ({"truncated": True}, "Motus' answer was cut off or is not valid JSON"),
        ({"empty": True}, "Motus listed no deployments, though it had some before, so nothing was changed"),
        ({"lost_project": 1}, "Motus does not let the login read project 1. Ask the project's lead for that right"),
        only="sensordeployments",
    ),
    *_of(
        "tags",
        ({"html": True}, f"Motus {_WEB_PAGE}"),
        ({"empty": True}, "Motus listed no tags, though it had some before, so nothing was changed"),
        ({"lost_project": 1}, "Motus does not let the login read project 1"),
        only="tags/search",
    ),
    *_of(
        "send",
        ({}, "Motus is processing it (job"),
        ({"html": True}, f"Motus {_WEB_PAGE}"),
        ({"internal_error": True}, "Motus has an internal error (status 500)"),
        ({"busy_retry_after": 60}, "Motus is busy and asks us to wait"),
        ({"error_in_band": "Unable to store file"}, "Motus refused: Unable to store file"),
        ({"truncated": True}, "The answer of Motus was cut off"),
        ({"cut": True}, "The connection to Motus broke"),
        ({"slow_s": 1.5}, "Motus did not answer in time"),
        ({"moved": True}, "Motus has moved (status 301): the server's administrator sets ROOST_MOTUS_URL"),
        ({"session_ended": True, "times": 1}, "Motus is processing it (job"),
        ({"session_ended": True}, "Motus ended the session twice in a row"),
        ({"lost_project": 1}, "The login may not upload to project 1 at Motus. Ask its lead for that right."),
        ({"known_zip": True}, "This file has already been uploaded by plover (2021-12-22 05:43:24; jobID: 77)"),
        only="sgJobs",
    ),
    *_of("send", ({"cut_upload": True}, "The connection to Motus broke"), only="action=start"),
    *_of("send", ({"cut": True}, "The connection to Motus broke"), only="action=transfer"),
    *_of("send login", ({"login_locked": True}, "Motus does not accept the login with its password: correct them.")),
    *_of("send again", ({"cut": True, "times": 1}, "Roost sent it, and Motus has it"), only="action=transfer"),
    *_of("send", ({}, "Motus refused: Unable to read archive"), before="poison"),
    *_of(
        "follow",
        ({"job_outcome": "done"}, "Motus has processed it (job"),
        ({"job_outcome": "error"}, "): No usable data files found."),
        ({"job_outcome": "bad_files"}, "Motus set it aside: Error: these 1 archives are corrupt"),
    ),
    *_of(
        "follow files",
        ({"html": True}, f"Motus' job server {_WEB_PAGE}"),
        ({"internal_error": True}, "Motus' job server has an internal error (status 500)"),
        ({"error_in_band": "server is restarting"}, "Motus' job server refused: server is restarting"),
        ({"truncated": True}, "The answer of Motus' job server was cut off"),
        ({"cut": True}, "The connection to Motus' job server broke"),
        ({"lost_project": 1}, "Motus' job server does not show the jobs of its project to the login."),
        only="status2/list_jobs",
    ),
    *_of("follow", ({}, "Motus does not list its job"), before="lost job"),
    *_of(
        "search",
        ({}, "Motus has no deployment of this receiver on that day: enter it there first."),
        before="no deployment",
    ),
    *_of("search", ({}, "None of its files can be used."), before="empty file"),
    *_of("search", ({}, "The name is that of another receiver"), before="foreign file"),
    *_of("search", ({}, "It contains only zeros: perhaps it was copied before it was fully written."), before="zeros"),
    *_of("search", ({}, "Its compression is damaged, or it was not finished."), before="broken gzip"),
    *_of("search", ({}, "The boot number drops during the day"), before="boot number"),
    *_of("compare", ({}, "Missing at Motus: "), before="lost file"),
    *_of("compare", ({}, "It sends its files to Motus by itself, so Roost leaves them alone."), before="by itself"),
    *_of(
        "compare",
        ({"html": True}, f"Motus' job server {_WEB_PAGE}"),
        ({"receiver_unknown": True}, "Motus has no files of a receiver with this serial."),
        only="list_receiver_files",
    ),
    *_of("receivers", ({"missing_active": "SG-7F5ERPI46977"}, "SG-7F5ERPI46977")),
    *_of("receivers", ({"html": True}, f"Motus {_WEB_PAGE}")),
]
