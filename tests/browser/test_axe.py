"""axe finds nothing wrong on any page: light and dark, on a phone and on a desktop."""

import subprocess

import pytest
from browser.account_states import proved
from browser.every_page import forgotten, visiting, walks_of
from isolation.tenants import tenant_make
from playwright.sync_api import expect
from site_processes import ROOT

from fleet.stations.joining.claims import claim_open

pytestmark = pytest.mark.browser

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
#: Width, height and scheme: for every page, and further ones for one page, which shows the parts that all share.
VIEWS = ((1280, 900, "light"), (360, 740, "dark"))
OTHER_VIEWS = ((1280, 900, "dark"), (360, 740, "light"))
RUN = (
    "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"
    ".map(v => v.id + ': ' + v.help + ' at ' + v.nodes.slice(0, 3).map(n => n.target.join(' ')).join(', '))"
)


@pytest.fixture(scope="module")
def axe(collected) -> str:
    if not AXE.is_file():
        # An earlier run may have installed the packages for pages only, without those for tests.
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=ROOT, check=True, timeout=300)
    return AXE.read_text("utf-8")


def complaints_of(visitor, places, axe) -> list[str]:
    """Complaints of axe about these pages."""
    found = []
    for number, place in enumerate(places):
        visitor.visit(place)
        found += complaints_here(visitor, place, axe, views=VIEWS if number else VIEWS + OTHER_VIEWS)
    return found


def complaints_here(visitor, place, axe, *, views=VIEWS) -> list[str]:
    """Complaints of axe about the open page. The windows ask for reduced motion, so that no colour is in transition."""
    found = []
    visitor.page.evaluate(axe)
    for width, height, scheme in views:
        visitor.page.set_viewport_size({"width": width, "height": height})
        visitor.page.emulate_media(color_scheme=scheme)
        found += [f"{place} ({scheme}, {width}): {each}" for each in visitor.page.evaluate(RUN)]
        over = visitor.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        found += [f"{place} ({width}): {over} pixels wider than the window"] if over > 0 else []
    return found


def assert_none(complaints: list[str]) -> None:
    if complaints:
        pytest.fail("\n".join(complaints), pytrace=False)


def test_every_page(browser, processes, axe):
    walks = walks_of(tenant_make("Alabaster"))
    assert forgotten(walks) == set()
    complaints = []
    for walk in walks:
        with visiting(browser, processes, walk.client, reduced_motion="reduce") as visitor:
            complaints += complaints_of(visitor, walk.places.values(), axe)
    assert_none(complaints)


def test_pages_that_appear_only_after_an_action(browser, processes, axe, tmp_path):
    """Tokens, codes, keys, reports: pages that appear only after an action."""
    tenant = tenant_make("Alabaster")
    code = claim_open(serial="SG-7F5ERPI46977", hardware={"model": "Raspberry Pi 4"})[2]
    listing = tmp_path / "stations.csv"
    listing.write_text("serial,name,colour\nSG-9999RPI40001,Good,a\nnot a serial!,Bad,b\nSG-9999RPI40001,Twice,c\n")
    station, own = f"/stations/{tenant.values['serial']}", f"/organizations/{tenant.values['slug']}"
    acts = (
        ("/stations/add/", {"serial": "SG-9999RPI40002"}, "Add station", "The token in it works once"),
        ("/stations/claim/", {"code": code}, "Find the device", "shows this code"),
        ("/stations/import/", {"file": str(listing)}, "Check the list", "Lines not imported"),
        ("/stations/accept/", {}, f"Allow devices to ask to join {tenant.organization.name}", "It is shown only once"),
        (f"{station}/settings/move/", {}, "Create a handover code", "The code, shown only once"),
        (f"{station}/notes/", {"text": "Looked at it."}, "Save note", "Looked at it."),
        (f"{own}/keys/", {"name": "Dashboard"}, "Create key", "Copy it now"),
    )
    complaints = []
    with visiting(browser, processes, proved(tenant.people["owner"]), reduced_motion="reduce") as visitor:
        for place, fields, button, said in acts:
            visitor.visit(place)
            act(visitor.page, fields, button)
            expect(visitor.page.get_by_text(said).first).to_be_visible()
            # Open every confirmation, so that its words are on the page too.
            visitor.page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
            complaints += complaints_here(visitor, f"{place} after “{button}”", axe)
    assert_none(complaints)


def test_a_refused_form_keeps_its_input_and_says_why_beside_the_field(browser, processes, axe):
    tenant = tenant_make("Alabaster")
    complaints = []
    with visiting(browser, processes, proved(tenant.people["owner"]), reduced_motion="reduce") as visitor:
        for place, fields, button in refusals_of(tenant):
            visitor.visit(place)
            act(visitor.page, fields, button)
            told = visitor.page.locator("main .f .err[id$=_error]")
            assert told.count(), f"{place} shows no error beside a field"
            for name, value in fields.items():
                field = visitor.page.locator(f"main [name={name}]:not([type=hidden])").last
                assert field.input_value() == value, f"{place} lost the input of {name}"
            wrong = told.first.get_attribute("id").removesuffix("_error")
            assert visitor.page.locator(f"[id='{wrong}']").get_attribute("aria-invalid") == "true", place
            complaints += complaints_here(visitor, f"{place} after “{button}”", axe)
    assert_none(complaints)


def refusals_of(tenant) -> list[tuple[str, dict[str, str], str]]:
    """(address, input by field name, button) of forms that are refused."""
    values = tenant.values
    station, own = f"/stations/{values['serial']}", f"/organizations/{values['slug']}"
    deployment = f"/deployments/{values['deployment_id']}/"
    blur = {"location": "blurred", "blur_radius_km": "0.01"}
    return [
        ("/stations/add/", {"serial": "!", "name": "Old Cut"}, "Add station"),
        ("/stations/claim/", {"code": "AAAA-2222"}, "Find the device"),
        (f"{station}/settings/", {"interval_hours": "-5", "notes": "by boat"}, "Save settings"),
        (f"{station}/settings/delete/", {"serial": "another"}, "Delete"),
        (f"{own}/members/", {"email": "nobody"}, "Send invitation"),
        (f"{own}/keys/", {"name": "Dashboard", "stations": "SG-NOSUCH"}, "Create key"),
        ("/sites/", {"name": "Far", "latitude": "91", "longitude": "1"}, "Add site"),
        (f"/sites/{values['site_id']}/", {"size_sqm": "-1", "occupancy": "-1"}, "Add room"),
        (deployment, {"antenna-0-port": "", "antenna-0-bearing_deg": "400"}, "Save antennas"),
        (deployment, blur, "Save public information"),
        (deployment, {"location": "blurred", "blur_radius_km": ""}, "Save public information"),
        (f"{station}/deployments/", {"at": "2001-01-01T00:00"}, "Remove it from"),
        ("/groups/", {"name": "Ours", "rule": "address", "value": "nowhere"}, "Create group"),
        ("/transfers/", {"code": "guessed"}, "Find the station"),
        ("/accounts/addresses/", {"email": "not an address"}, "Add this address"),
    ]


def act(page, fields, button) -> None:
    """Fill in the form and press the button, even where the browser itself would refuse the input."""
    page.evaluate("document.querySelectorAll('form').forEach(form => { form.noValidate = true; })")
    for name, value in fields.items():
        field = page.locator(f"main [name={name}]:not([type=hidden])").last
        if field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(value)
        elif field.get_attribute("type") == "file":
            field.set_input_files(value)
        else:
            field.fill(value)
    page.locator("main").get_by_role("button", name=button).first.click()
    page.wait_for_load_state("load")
