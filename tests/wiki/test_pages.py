"""Pages of an organization: written in a form without scripts, kept in revisions, and read by members or everybody."""

import pytest
from django.test import Client
from people import key_of

from fleet.core.errors import InvalidInput, NotFound, TooMany
from fleet.core.models import AuditEntry
from fleet.organizations.deletion import organization_delete
from fleet.wiki import services
from fleet.wiki.models import WikiPage, WikiRevision
from fleet.wiki.selectors import page_find
from fleet.wiki.services import PageAsked, page_create, page_write

pytestmark = pytest.mark.django_db

PAGES, PUBLIC = "/organizations/institute/pages/", "/public/organizations/institute/"


@pytest.fixture
def batteries(institute, operator) -> WikiPage:
    asked = PageAsked(title="Batteries", text="# Types\n\nLead.\n\nSee [the sites](pages/sites).")
    return page_create(actor=operator, organization=institute, asked=asked)


def form(page: WikiPage, text: str, **more: str) -> dict[str, str]:
    """The fields that the form of this page sends."""
    return {"title": page.title, "text": text, "position": "0", "number": str(page.number), **more}


def text_of(answer) -> str:
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def test_a_page_is_previewed_written_and_listed(browse, operator, viewer, institute):
    writing, watching = browse(operator), browse(viewer)
    assert "There are no pages yet" in text_of(watching.get(PAGES))
    typed = {"title": "Field work", "text": "# First\r\n\r\n**Boots** <script>x</script>", "do": "preview"}
    shown = text_of(writing.post(f"{PAGES}add/", typed))
    for part in ("Nothing is saved yet", "<h3>First</h3>", "<strong>Boots</strong> &lt;script&gt;", "# First\r\n"):
        assert part in shown, part
    assert not WikiPage.objects.exists()
    answer = writing.post(f"{PAGES}add/", {**typed, "do": "save"})
    assert answer["Location"] == f"{PAGES}field-work/"
    # An equal title gets another name, and a refusal keeps what was typed.
    assert writing.post(f"{PAGES}add/", {**typed, "do": "save"})["Location"] == f"{PAGES}field-work-2/"
    refused = text_of(writing.post(f"{PAGES}add/", {**typed, "slug": "Field Work", "do": "save"}))
    assert "Use lower-case letters" in refused
    assert "**Boots**" in refused
    listed = text_of(watching.get(PAGES))
    assert f'href="{PAGES}field-work/"' in listed
    assert "members only" in listed
    assert "<h3>First</h3>" in text_of(watching.get(f"{PAGES}field-work/"))
    entry = AuditEntry.objects.get(action="page.create", detail__slug="field-work")
    assert (entry.subject, entry.organization_id, entry.actor_name) == ("Field work", institute.pk, "operator")


def test_of_two_writers_the_later_one_is_told_and_neither_text_is_lost(browse, operator, owner, batteries):
    first, second = browse(operator), browse(owner)
    address = f"{PAGES}{batteries.slug}/edit/"
    assert 'name="number" value="1"' in text_of(first.get(address))
    assert second.post(address, form(batteries, "Lead and lithium.", remark="Lithium", do="save")).status_code == 302
    told = text_of(first.post(address, form(batteries, "Only lead.", do="save")))
    for part in ("owner changed this page while you were writing", "Only lead.", "<ins>+ Lead and lithium.</ins>"):
        assert part in told, part
    assert WikiRevision.objects.latest("number").text == "Lead and lithium."
    # The form goes on from the other one's revision.
    assert 'name="number" value="2"' in told
    assert first.post(address, {**form(batteries, "Only lead."), "number": "2", "do": "save"}).status_code == 302
    texts = list(WikiRevision.objects.order_by("number").values_list("text", "written_by_name"))
    assert [who for _text, who in texts] == ["operator", "owner", "operator"]
    assert [text for text, _who in texts[1:]] == ["Lead and lithium.", "Only lead."]
    # Saving without a change makes no revision.
    batteries.refresh_from_db()
    assert first.post(address, form(batteries, "Only lead.", do="save")).status_code == 302
    assert WikiRevision.objects.count() == 3


def test_revisions_are_shown_restored_and_bounded(browse, operator, viewer, batteries, monkeypatch):
    monkeypatch.setattr(services, "REVISIONS_MOST", 3)
    monkeypatch.setattr("sg_status.pages.wiki.revisions.REVISIONS_MOST", 3)
    page = batteries
    for n in (2, 3, 4):
        asked = PageAsked(title=f"Batteries {n}", text=f"same\n{n}", remark=f"change {n}")
        page = page_write(actor=operator, page=page, asked=asked, based_on=n - 1)
    history = f"{PAGES}{page.slug}/revisions/"
    watching, writing = browse(viewer), browse(operator)
    listed = text_of(watching.get(history))
    assert "Revisions up to 1 were removed" in listed
    assert [f"{history}{n}/" in listed for n in (1, 2, 3, 4)] == [False, True, True, True]
    assert watching.get(f"{history}1/").status_code == 404
    shown = text_of(watching.get(f"{history}3/"))
    for part in ("Batteries 2 → Batteries 3", "<del>- 2</del>", "<ins>+ 3</ins>", "  same", "change 3"):
        assert part in shown, part
    assert "Restore this revision" not in shown
    assert watching.post(f"{history}2/restore/").status_code == 403
    assert writing.post(f"{history}2/restore/").status_code == 302
    page = page_find(organization=page.organization, slug=page.slug)
    assert (page.number, page.title) == (5, "Batteries 2")
    newest = WikiRevision.objects.get(number=5)
    assert (newest.text, newest.remark) == ("same\n2", "Restored from revision 2")
    assert WikiRevision.objects.count() == 3


def test_a_public_page_is_read_without_a_login_until_it_is_hidden(browse, operator, owner, batteries, institute):
    nobody = Client()
    sites = page_create(actor=operator, organization=institute, asked=PageAsked(title="Sites", text="x", position=1))
    for address in (PUBLIC, f"{PUBLIC}{batteries.slug}/", "/public/organizations/nobody/"):
        assert nobody.get(address).status_code == 404
    writing, address = browse(operator), f"{PAGES}{batteries.slug}/edit/"
    text = "# Types\n\nSee [the sites](pages/sites) and [the web](https://example.org/)."
    assert writing.post(address, form(batteries, text, is_public="on", do="save")).status_code == 302
    listed = text_of(nobody.get(PUBLIC))
    assert f"{PUBLIC}{batteries.slug}/" in listed
    assert sites.title not in listed
    shown = text_of(nobody.get(f"{PUBLIC}{batteries.slug}/"))
    # A link to a page for members is plain words.
    assert "<h2>Types</h2>" in shown
    assert "<span>the sites</span>" in shown
    assert 'href="https://example.org/" rel="nofollow noopener ugc"' in shown
    assert f'<a href="{PAGES}sites/">the sites</a>' in text_of(writing.get(f"{PAGES}{batteries.slug}/"))
    batteries.refresh_from_db()
    assert writing.post(address, form(batteries, text, do="save")).status_code == 302
    assert nobody.get(f"{PUBLIC}{batteries.slug}/").status_code == 404
    assert AuditEntry.objects.filter(action__in=["page.publish", "page.hide"]).count() == 2
    WikiPage.objects.update(is_public=True)
    organization_delete(organization=institute, typed="Institute", actor=owner)
    assert nobody.get(f"{PUBLIC}{batteries.slug}/").status_code == 404


def test_roles_and_limits_hold(browse, viewer, operator, owner, stranger, batteries, institute, monkeypatch):
    edit, remove = f"{PAGES}{batteries.slug}/edit/", f"{PAGES}{batteries.slug}/remove/"
    assert [browse(who).get(edit).status_code for who in (viewer, stranger)] == [403, 404]
    assert [browse(who).post(remove).status_code for who in (viewer, operator, stranger)] == [403, 403, 404]
    with pytest.raises(InvalidInput, match="use at most 40000"):
        page_create(actor=operator, organization=institute, asked=PageAsked(title="x", text="x" * 40_001))
    # So many characters are not shown either.
    told = text_of(browse(operator).post(f"{PAGES}add/", {"title": "x", "text": "*" * 50_000, "do": "preview"}))
    assert "use at most 40000" in told
    for slug in ("add", "-x", "x_y", batteries.slug):
        with pytest.raises(InvalidInput):
            page_create(actor=operator, organization=institute, asked=PageAsked(title="x", text="", slug=slug))
    monkeypatch.setattr(services, "PAGES_MOST", 1)
    with pytest.raises(TooMany, match="already has 1 pages"):
        page_create(actor=operator, organization=institute, asked=PageAsked(title="x", text=""))
    assert browse(owner).post(remove)["Location"] == PAGES
    assert not WikiRevision.objects.exists()
    # Somebody who was writing meanwhile keeps the text.
    gone = browse(operator).post(edit, form(batteries, "Mine.", do="save"))
    assert (gone.status_code, "Mine." in gone.content.decode()) == (404, True)
    assert f'action="{PAGES}add/"' in gone.content.decode()
    with pytest.raises(NotFound):
        page_write(actor=owner, page=batteries, asked=PageAsked(title="x", text=""), based_on=1)


@pytest.mark.usefixtures("no_counters")
def test_programs_write_pages_too(institute, batteries):
    pages = "/api/v1/organizations/institute/pages"
    headers = {"Authorization": f"Bearer {key_of(institute, write=True)}"}
    asking = Client(headers=headers)
    assert [one["slug"] for one in asking.get(pages).json()["results"]] == ["batteries"]
    made = asking.post(pages, {"title": "Sites", "text": "# x\n", "position": 2}, content_type="application/json")
    assert (made.status_code, made.json()["text"], made.json()["number"]) == (201, "# x", 1)
    body = {"title": "Batteries", "text": "Changed.", "number": 1, "remark": "by a program"}
    changed = asking.put(f"{pages}/batteries", body, content_type="application/json")
    assert (changed.json()["number"], changed.json()["text"]) == (2, "Changed.")
    again = asking.put(f"{pages}/batteries", body, content_type="application/json")
    assert (again.status_code, "changed this page while" in again.json()["detail"]) == (409, True)
    assert [one["number"] for one in asking.get(f"{pages}/batteries/revisions").json()["results"]] == [2, 1]
    assert asking.get(f"{pages}/batteries/revisions/1").json()["text"].startswith("# Types")
    assert asking.delete(f"{pages}/batteries").status_code == 403
