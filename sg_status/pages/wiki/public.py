"""The public pages of an organization, without a login."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_safe

from fleet.wiki.selectors import page_missing, public_page_find, public_pages, revision_newest
from sg_status.pages.places.public import public
from sg_status.wiki.showing import page_html


@require_safe
@public
def public_wiki(request: HttpRequest, slug: str) -> HttpResponse:
    """The organization's public pages in their order; 404 if there are none."""
    rows = list(public_pages(slug=slug))
    if not rows:
        raise page_missing()
    return render(request, "sg_status/wiki/public_list.html", {"rows": rows, "organization": rows[0].organization})


@require_safe
@public
def public_wiki_page(request: HttpRequest, slug: str, page_slug: str) -> HttpResponse:
    """One public page. Everybody sees the same, members too."""
    one = public_page_find(slug=slug, page_slug=page_slug)
    html = page_html(organization=one.organization, text=revision_newest(one).text, is_public=True, below=1)
    context = {"page": one, "html": html, "organization": one.organization}
    return render(request, "sg_status/wiki/public_page.html", context)


urlpatterns = [
    path("public/organizations/<organization:slug>/", public_wiki, name="public-wiki"),
    path("public/organizations/<organization:slug>/<slug:page_slug>/", public_wiki_page, name="public-wiki-page"),
]
