"""The files that a station holds: where each is between the station, the store and Motus, and fetching them."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from fleet.core.errors import DomainError, InvalidInput
from fleet.holdings.fetching import CHOSEN_MOST, choose_require, files_choose
from fleet.holdings.policy import MODES, policy_require, policy_set, rule_of_station
from fleet.holdings.selectors import REASONS, STATES, held_list, holding_of, sums_by_state
from fleet.holdings.summing import sums_shown
from fleet.holdings.words import left_sentences
from fleet.organizations.access import Role, Viewer
from fleet.sync.motus.file_states import motus_states
from sg_status.access import page, refusal_show
from sg_status.fetch_form import FetchPolicyForm
from sg_status.files.keyset import keyset_page
from sg_status.pages.organization.motus_files import WORDS
from sg_status.pages.station.frame import station_of, station_render

PAGE_SIZE = 100


@page
@require_safe
def station_held(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """Every file in the station's manifest, in descending order of path; state, search and position are in the URL."""
    station = station_of(viewer, serial)
    state, search = request.GET.get("state", ""), request.GET.get("q", "")[:100]
    asked = state if state in STATES else None
    rule, holding = rule_of_station(station), holding_of(station=station)
    shown = sums_shown(station=station, rule=rule, holding=holding)
    sums = shown.sums
    rows = held_list(station=station, rule=rule, state=asked or "", search=search)
    found = keyset_page(rows, keys=("path",), after=request.GET.get("after", ""), size=PAGE_SIZE)
    names = {one.path: one.path.rpartition("/")[2] for one in found.rows}
    fates = motus_states(station=station, names=set(names.values()))
    context = {
        "page": found,
        "rows": [_row(one, fates.get(names[one.path])) for one in found.rows],
        "summed_at": shown.at,
        "sums": [(name, STATES[name], each) for name, each in sums_by_state(sums).items()],
        "kept": [(REASONS[why], each) for (name, why), each in sorted(sums.items()) if name == "kept"],
        "listed": sum(each.files for each in sums.values()),
        "asked": asked,
        "search": search,
        "holding": holding,
        "sentences": left_sentences(holding) if holding else [],
        "mode": MODES[rule.mode],
        "whose": rule.whose,
        "may_choose": rule.mode != "none" and viewer.may_station(Role.OPERATOR, station),
    }
    return station_render(request, viewer, station, "sg_status/station/held.html", context, tab="station-files")


@page
@require_POST
def station_held_fetch(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """Fetch the chosen files."""
    station = station_of(viewer, serial)
    choose_require(actor=viewer, station=station)
    given = request.POST.getlist("file")[: CHOSEN_MOST + 1]
    ids = [int(each) for each in given if each.isascii() and each.isdigit() and len(each) < 19]
    try:
        counts = files_choose(actor=viewer, station=station, file_ids=ids)
    except DomainError as error:
        messages.error(request, str(error))
    else:
        done = _(
            "Wanted: %(wanted)d. Asked for already: %(asked)d. Stored already: %(stored)d. Gone: %(gone)d. "
            "The station gets the command within a minute, or when it calls next."
        )
        messages.success(request, done % counts)
    return redirect("station-held", serial=station.serial)


@page
@require_http_methods(["GET", "HEAD", "POST"])
def station_fetch_policy(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """GET: which files are fetched from the station. POST: change it."""
    station = station_of(viewer, serial)
    rule = rule_of_station(station)
    form = FetchPolicyForm(rule, request.POST if request.method == "POST" else None, has_usual=True)
    if request.method == "POST":
        policy_require(actor=viewer, owner=station)
        if form.is_valid():
            try:
                policy_set(actor=viewer, owner=station, rule=form.rule())
            except InvalidInput as error:
                refusal_show(form, error, octets_per_day="mb_per_day")
            else:
                messages.success(request, _("The policy is saved. It applies within a minute."))
                return redirect("station-held", serial=station.serial)
    context = {"form": form, "mode": MODES[rule.mode], "whose": rule.whose}
    return station_render(request, viewer, station, "sg_status/station/fetching.html", context, tab="station-files")


def _row(one: object, fate: tuple[str, str] | None) -> dict[str, object]:
    """A file with its words: its state, why it stays on the station, and its state at Motus."""
    state, why = getattr(one, "state", ""), getattr(one, "kept_for", "")
    return {
        "one": one,
        "word": STATES[state],
        "why": REASONS.get(why, "") if state == "kept" else "",
        "motus": WORDS.get(fate[0], fate[0]) if fate else "",
        "said": fate[1] if fate else "",
    }


_BASE = "stations/<serial:serial>/files/"

urlpatterns = [
    path(f"{_BASE}held/", station_held, name="station-held"),
    path(f"{_BASE}held/fetch/", station_held_fetch, name="station-held-fetch"),
    path(f"{_BASE}fetching/", station_fetch_policy, name="station-fetch-policy"),
]
