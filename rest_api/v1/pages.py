"""`/organizations/<slug>/pages`: pages that an organization wrote in Markdown, and their revisions."""

from http import HTTPStatus
from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.organizations.selectors import organization_find
from fleet.wiki.models import WikiPage
from fleet.wiki.selectors import page_find, page_list, revision_find, revision_list, revision_newest
from fleet.wiki.services import (
    POSITION_MOST,
    REMARK_MOST,
    SLUG_MOST,
    TEXT_MOST,
    TITLE_MOST,
    PageAsked,
    page_change_check,
    page_create,
    page_remove,
    page_write,
)
from rest_api.authentication import viewer_of
from rest_api.lists import ID_MOST, ListQuery, SortColumn, page_read
from rest_api.paging import page_of
from rest_api.questions import READ_PROBLEMS, WRITE_PROBLEMS, StrictSerializer, answers, body_read, query_read

_COLUMNS = {
    "position": SortColumn("position", int, is_filled=True),
    "title": SortColumn("title", is_filled=True),
}
_LAST = SortColumn("id", int, is_filled=True)
_NUMBER = {"number": SortColumn("number", int, is_filled=True)}


class WikiPageIn(StrictSerializer):
    """The new content of a page."""

    title = serializers.CharField(max_length=TITLE_MOST)
    text = serializers.CharField(
        max_length=TEXT_MOST, allow_blank=True, trim_whitespace=False, help_text="Markdown; HTML is shown as text."
    )
    is_public = serializers.BooleanField(default=False, help_text="Everybody can read it, without a login.")
    position = serializers.IntegerField(min_value=0, max_value=POSITION_MOST, default=0)
    remark = serializers.CharField(max_length=REMARK_MOST, required=False, allow_blank=True, default="")


class WikiNewIn(WikiPageIn):
    """A new page."""

    slug = serializers.CharField(
        max_length=SLUG_MOST,
        required=False,
        allow_blank=True,
        default="",
        help_text="Its name in addresses, which never changes. Default: made from the title.",
    )


class WikiChangeIn(WikiPageIn):
    """The new content of a page, and the revision that was edited."""

    number = serializers.IntegerField(
        min_value=1, max_value=ID_MOST, help_text="`number` of the page when it was read. 409 if it has another by now."
    )


class WikiPageOut(serializers.Serializer[Any]):
    """A page without its text."""

    slug = serializers.CharField()
    title = serializers.CharField()
    is_public = serializers.BooleanField()
    position = serializers.IntegerField()
    number = serializers.IntegerField(help_text="Number of its newest revision.")
    changed_at = serializers.DateTimeField()
    changed_by = serializers.CharField(source="changed_by_name", allow_blank=True)


class WikiTextOut(WikiPageOut):
    """A page with its text."""

    text = serializers.CharField(allow_blank=True)


class WikiRevisionOut(serializers.Serializer[Any]):
    """A revision without its text."""

    number = serializers.IntegerField()
    title = serializers.CharField()
    is_public = serializers.BooleanField()
    remark = serializers.CharField(allow_blank=True)
    written_at = serializers.DateTimeField()
    written_by = serializers.CharField(source="written_by_name", allow_blank=True)


class WikiRevisionTextOut(WikiRevisionOut):
    """A revision with its text."""

    text = serializers.CharField(allow_blank=True)


WikiPagesOut = page_of("WikiPagesOut", WikiPageOut, "A page of an organization's pages.")
WikiRevisionsOut = page_of("WikiRevisionsOut", WikiRevisionOut, "A page of revisions, the newest first.")


def _answer(page: WikiPage, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response({**WikiPageOut(page).data, "text": revision_newest(page).text}, status=status)


def _asked(told: dict[str, Any]) -> PageAsked:
    return PageAsked(**{name: value for name, value in told.items() if name != "number"})


class WikiPages(APIView):
    """The pages of an organization."""

    @extend_schema(
        operation_id="pages_list", parameters=[ListQuery], responses=answers({200: WikiPagesOut}, *READ_PROBLEMS)
    )
    def get(self, request: Request, slug: str) -> Response:
        """List the pages in their order, without their texts."""
        organization = organization_find(viewer=viewer_of(request), slug=slug)
        query = query_read(request, ListQuery)
        rows = page_list(organization=organization).order_by()
        page = page_read(request, query, rows, columns=_COLUMNS, usual="position,title", last=_LAST)
        return page.response(WikiPagesOut)

    @extend_schema(
        operation_id="pages_create", request=WikiNewIn, responses=answers({201: WikiTextOut}, *WRITE_PROBLEMS)
    )
    def post(self, request: Request, slug: str) -> Response:
        """Write a new page."""
        viewer = viewer_of(request)
        organization = organization_find(viewer=viewer, slug=slug)
        page_change_check(actor=viewer, organization=organization)
        made = page_create(actor=viewer, organization=organization, asked=_asked(body_read(request, WikiNewIn)))
        return _answer(made, HTTPStatus.CREATED)


class WikiPageDetail(APIView):
    """One page."""

    @extend_schema(operation_id="pages_retrieve", responses=answers({200: WikiTextOut}, *READ_PROBLEMS))
    def get(self, request: Request, slug: str, page_slug: str) -> Response:
        """Show a page with its text."""
        return _answer(_find(request, slug, page_slug))

    @extend_schema(
        operation_id="pages_update", request=WikiChangeIn, responses=answers({200: WikiTextOut}, *WRITE_PROBLEMS)
    )
    def put(self, request: Request, slug: str, page_slug: str) -> Response:
        """Change a page, which makes a new revision. 409 if somebody else has changed it since revision `number`."""
        viewer = viewer_of(request)
        page = _find(request, slug, page_slug)
        page_change_check(actor=viewer, organization=page.organization)
        told = body_read(request, WikiChangeIn)
        written = page_write(actor=viewer, page=page, asked=_asked(told), based_on=told["number"])
        return _answer(written)

    @extend_schema(operation_id="pages_delete", responses=answers({204: None}, *WRITE_PROBLEMS))
    def delete(self, request: Request, slug: str, page_slug: str) -> Response:
        """Permanently remove a page with its revisions. Requires the owner role."""
        page_remove(actor=viewer_of(request), page=_find(request, slug, page_slug))
        return Response(status=HTTPStatus.NO_CONTENT)


class WikiRevisions(APIView):
    """The revisions of a page."""

    @extend_schema(
        operation_id="page_revisions_list",
        parameters=[ListQuery],
        responses=answers({200: WikiRevisionsOut}, *READ_PROBLEMS),
    )
    def get(self, request: Request, slug: str, page_slug: str) -> Response:
        """List the kept revisions, newest first, without their texts."""
        found = _find(request, slug, page_slug)
        query = query_read(request, ListQuery)
        rows = revision_list(page=found).order_by()
        return page_read(request, query, rows, columns=_NUMBER, usual="-number", last=()).response(WikiRevisionsOut)


class WikiRevisionDetail(APIView):
    """One revision of a page."""

    @extend_schema(
        operation_id="page_revisions_retrieve", responses=answers({200: WikiRevisionTextOut}, *READ_PROBLEMS)
    )
    def get(self, request: Request, slug: str, page_slug: str, number: int) -> Response:
        """Show a revision with its text. To restore it, PUT its title and text to the page."""
        revision = revision_find(page=_find(request, slug, page_slug), number=number)
        return Response(WikiRevisionTextOut(revision).data)


def _find(request: Request, slug: str, page_slug: str) -> WikiPage:
    organization = organization_find(viewer=viewer_of(request), slug=slug)
    return page_find(organization=organization, slug=page_slug)


_BASE = "organizations/<slug:slug>/pages"
urlpatterns = [
    path(_BASE, WikiPages.as_view(), name="pages"),
    path(f"{_BASE}/<slug:page_slug>", WikiPageDetail.as_view(), name="page"),
    path(f"{_BASE}/<slug:page_slug>/revisions", WikiRevisions.as_view(), name="page-revisions"),
    path(f"{_BASE}/<slug:page_slug>/revisions/<int:number>", WikiRevisionDetail.as_view(), name="page-revision"),
]
