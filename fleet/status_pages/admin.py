"""Admin pages of status pages and their notices."""

from django.contrib import admin

from fleet.core.admin import ReadOnlyAdmin
from fleet.status_pages.models import Notice, StatusPage


@admin.register(StatusPage)
class StatusPageAdmin(ReadOnlyAdmin):
    """Status pages of all organizations."""

    list_display = ("organization", "title", "slug", "is_on", "changed_at")
    list_select_related = ("organization",)
    search_fields = ("organization__name", "title", "slug")


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    """Notices that people wrote for everybody."""

    list_display = ("page", "title", "began_at", "over_at")
    list_select_related = ("page",)
    search_fields = ("page__title", "title")
