"""Admin pages of organizations' own pages."""

from django.contrib import admin

from fleet.core.admin import ReadOnlyAdmin
from fleet.wiki.models import WikiPage


@admin.register(WikiPage)
class WikiPageAdmin(ReadOnlyAdmin):
    """Pages of all organizations."""

    list_display = ("organization", "title", "slug", "is_public", "number", "changed_at", "changed_by_name")
    list_select_related = ("organization",)
    search_fields = ("organization__name", "title", "slug")
