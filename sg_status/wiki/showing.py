"""A page's Markdown as HTML, with links to its pictures and to other pages; and the differences of two texts."""

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from fleet.core import clock
from fleet.files.looking.markdown import MarkdownText, PictureLinks
from fleet.files.models import FileRevision, Photo
from fleet.organizations.models import Organization
from fleet.wiki.differences import LineTold, lines_told
from fleet.wiki.pictures import PICTURES_MOST, pictures_find, pictures_public
from fleet.wiki.selectors import slugs_of


def page_html(*, organization: Organization, text: str, is_public: bool, below: int) -> SafeString:
    """The HTML for everybody or for members. `below`: the level of the heading that it stands under."""
    read = MarkdownText(text)
    names, slugs = read.picture_names()[:PICTURES_MOST], read.page_names()
    name = "public-wiki-page" if is_public else "wiki-page"
    found = slugs_of(organization=organization, slugs=slugs, is_public=is_public) if slugs else set()
    return read.html(
        pictures=_public(organization, names) if is_public else _links(organization, names),
        pages={slug: reverse(name, args=[organization.slug, slug]) for slug in found},
        below=below,
    )


def pictures_hidden(*, organization: Organization, text: str) -> list[str]:
    """The pictures that members see on a page and everybody else does not."""
    names = MarkdownText(text).picture_names()[:PICTURES_MOST]
    shown, known = _public(organization, names), _links(organization, names)
    return [name for name in names if name in known and name not in shown]


def difference_html(earlier: str, later: str) -> SafeString | None:
    """The lines in which two texts differ; empty if they are equal, None if they are too long to compare."""
    lines = lines_told(earlier, later)
    return None if lines is None else format_html_join("\n", "{}", ((_line(line),) for line in lines))


def _line(line: LineTold) -> SafeString:
    if line.sign == "+":
        return format_html("<ins>+ {}</ins>", line.text)
    if line.sign == "-":
        return format_html("<del>- {}</del>", line.text)
    return format_html("…" if line.sign == "@" else "  {}", line.text)


def _links(organization: Organization, names: list[str]) -> dict[str, PictureLinks]:
    found = pictures_find(organization=organization, names=names)
    return {name: _member_links(one) for name, one in found.items()}


def _member_links(one: FileRevision | Photo) -> PictureLinks:
    if isinstance(one, Photo):
        return PictureLinks(reverse("photo-small", args=[one.name]), reverse("photo", args=[one.name]))
    at = [one.file.station.serial, one.pk]
    return PictureLinks(reverse("station-stored-small", args=at), reverse("station-stored-picture", args=at))


def _public(organization: Organization, names: list[str]) -> dict[str, PictureLinks]:
    found = pictures_public(organization=organization, names=names, moment=clock.now())
    return {
        name: PictureLinks(
            reverse("public-photo-small", args=[one.deployment.public_id, one.name]),
            reverse("public-photo", args=[one.deployment.public_id, one.name]),
        )
        for name, one in found.items()
        if one.deployment is not None
    }
