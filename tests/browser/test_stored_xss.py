"""Case 74: text from people and stations stays text on every page: no script runs and no policy is violated."""

from datetime import timedelta

import pytest
from browser.every_page import places_of, visiting
from browser.hostile_text import STRINGS, spoil
from django.contrib.auth.models import User
from django.test import Client
from isolation.tenants import Tenant, tenant_make
from people import station_of

from fleet.alerts.models import Incident
from fleet.commands.models import Command
from fleet.core import clock
from fleet.ingest.models import QuarantinedMessage
from fleet.telemetry.models import Reading, Series, StationEvent

pytestmark = pytest.mark.browser

#: Elements and attributes that a page would have if the hostile strings became markup.
INJECTED = (
    "() => [...document.querySelectorAll("
    "'[onerror],[onload],[onfocus],[onmouseover],[ontoggle],[onbegin],[onstart],[style*=red],iframe,object,embed,"
    "math,marquee,audio,video,base,foreignObject,animate,details[ontoggle],"
    'script:not([src],[data-plot] > script[type="application/json"],script#upload-words[type="application/json"]),'
    '[href^="javascript:" i],'
    '[src="x"],[hx-get="/logout/"]'
    "'), ...[...document.querySelectorAll('[src],[href],[action]')]"
    ".filter(e => [e.src, e.href, e.getAttribute('action')].some(a => /^(https?:)?\\/\\/x\\.example/.test(a)))]"
    ".map(e => e.outerHTML.slice(0, 200))"
)
#: The figures of each plot: a single data block in it, with nothing but JSON. A text that closed the block would leave
#: half of it behind, which does not parse; an injected block would be a second one.
FIGURES = (
    "() => [...document.querySelectorAll('[data-plot]')].map(plot => {"
    "const blocks = [...plot.querySelectorAll('script')];"
    "if (blocks.length !== 1) return null;"
    "try { return JSON.parse(blocks[0].textContent); } catch { return null; } })"
)
#: The words of the upload script: a single block, with no text of users in it.
WORDS = (
    "() => { const blocks = [...document.querySelectorAll('script#upload-words')];"
    "try { return blocks.length < 2 && blocks.every(each => JSON.parse(each.textContent).fates); } catch { return false; } }"
)
WATCH = (
    "window.ran = number => console.log('RAN ' + number); window.alert = ran; "
    "document.addEventListener('securitypolicyviolation', e => console.log('POLICY ' + e.violatedDirective + ' ' + e.sample));"
)


def rows_make(tenant: Tenant) -> None:
    """Create one row for each string, in everything that is a list."""
    station, moment = tenant.stations[0], clock.now()
    others = [station_of(tenant.organization, state="silent") for _ in STRINGS]
    for number, other in enumerate(others):
        series = Series.objects.create(
            station=station, name=f"s{number}", unit="V", created_at=moment, last_at=moment, last_value=1.0,
            last_received_at=moment,
        )  # fmt: skip
        Reading.objects.create(series=series, occurred_at=moment, received_at=moment, value=1.0)
        StationEvent.objects.create(
            station=station,
            occurred_at=moment,
            name=f"e{number}",
            line=number + 10,
            received_at=moment,
            data={"x": "y"},
        )
        Command.objects.create(
            station=station, name="ping", state="failed", issued_at=moment, expires_at=moment + timedelta(hours=1),
            issued_by_name="x", note="x", result={"x": "y"}, output="x",
        )  # fmt: skip
        QuarantinedMessage.objects.create(
            station=station, exchange=f"in.{station.serial}", routing_key="readings", reason="bad-json", sentence="x",
            properties={"content_type": "x", "application_headers": {"stream": "x"}},
            body=STRINGS[number].encode(), body_bytes=9, received_at=moment,
        )  # fmt: skip
        Incident.objects.create(
            organization=tenant.organization, station=other, rule="silence", sentence="x", closing_sentence="x",
            began_at=moment, opened_at=moment, closed_at=moment if number % 2 else None,
        )  # fmt: skip


def test_nothing_that_is_written_becomes_markup_or_script(browser, processes):
    tenant = tenant_make("Alabaster")
    rows_make(tenant)
    apps = (
        "core",
        "organizations",
        "stations",
        "deployments",
        "telemetry",
        "commands",
        "files",
        "alerts",
        "forward",
        "sync",
        "ingest",
        "wiki",
        "status_pages",
    )
    assert spoil(apps) > 30
    for series in Series.objects.filter(station=tenant.stations[0])[:1]:
        tenant.values["series"] = series.name
    User.objects.filter(pk=tenant.people["viewer"].pk).update(first_name=STRINGS[0], last_name=STRINGS[15])
    owner = tenant.people["owner"]
    client = Client()
    client.force_login(owner)
    places = places_of(tenant, client)
    assert len(places) > 30
    found, written = [], []
    with visiting(browser, processes, owner) as visitor:
        visitor.page.on("dialog", lambda dialog: (found.append(f"a dialog: {dialog.message}"), dialog.dismiss()))
        visitor.page.on(
            "framenavigated", lambda frame: found.append(f"left for {frame.url}") if "x.example" in frame.url else None
        )
        visitor.page.add_init_script(WATCH)
        for place in places:
            visitor.said.clear()
            visitor.visit(place)
            visitor.page.wait_for_timeout(60)
            found += [f"{place}: {said}" for said in visitor.said if not said.startswith(("warning", "verbose"))]
            found += [f"{place}: became markup: {each}" for each in visitor.page.evaluate(INJECTED)]
            if not visitor.page.evaluate(WORDS):
                found.append(f"{place}: words of the upload that are no JSON")
            figures = visitor.page.evaluate(FIGURES)
            found += [f"{place}: figures that are no JSON" for each in figures if each is None]
            written += [line["label"] + line["unit"] for each in figures if each for line in each["lines"]]
            shown = visitor.page.evaluate("document.documentElement.innerText").count("ran(")
            if place.endswith(("/events/", "/commands/")):
                # These pages must show the text.
                assert shown > len(STRINGS) // 2, place
    assert any(text in each for each in written for text in STRINGS), "no plot had a hostile text among its figures"
    if found:
        pytest.fail("\n".join(found), pytrace=False)


def test_a_script_that_does_run_is_noticed(browser, processes):
    with visiting(browser, processes, None) as visitor:
        visitor.page.add_init_script(WATCH)
        visitor.visit("/login/")
        for text in (each for each in STRINGS if "http-equiv" not in each):
            visitor.page.evaluate("text => { const box = document.createElement('div'); box.innerHTML = text; "
                                  "document.body.append(box); }", text)  # fmt: skip
        visitor.page.wait_for_timeout(200)
        assert len(visitor.page.evaluate(INJECTED)) > 25
        assert any("POLICY" in said for said in visitor.said)
