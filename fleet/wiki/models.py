"""Pages that organizations write, and their revisions."""

from django.conf import settings
from django.db import models

from fleet.organizations.models import Organization


class WikiPage(models.Model):
    """A page of an organization. Its text is in its newest revision, whose number is `number`.

        members only ──an operator──▶ public ──an operator──▶ members only
        any ──an owner──▶ deleted, with all its revisions

    Each change makes a revision. A change names the revision it started from: if that is no longer the newest one,
    somebody else was quicker, and the change is refused.
    """

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="wiki_pages")
    #: Its name in addresses.
    slug = models.SlugField(max_length=60)
    title = models.CharField(max_length=120)
    is_public = models.BooleanField(default=False)
    #: Lists begin with the lowest.
    position = models.IntegerField(default=0)
    number = models.IntegerField(default=1)
    changed_at = models.DateTimeField()
    changed_by_name = models.CharField(max_length=150, blank=True)

    class Meta:
        """A name belongs to at most one page of an organization."""

        constraints = [models.UniqueConstraint(fields=["organization", "slug"], name="wiki_page_once")]

    def __str__(self) -> str:
        return self.title

    def audited_as(self) -> tuple[int | None, str]:
        """Organization and name for the audit log."""
        return self.organization_id, self.title


class WikiRevision(models.Model):
    """A page as it was after one change. The oldest of many are removed."""

    id = models.BigAutoField(primary_key=True)
    page = models.ForeignKey(WikiPage, on_delete=models.CASCADE, related_name="revisions")
    number = models.IntegerField()
    title = models.CharField(max_length=120)
    text = models.TextField(blank=True)
    is_public = models.BooleanField(default=False)
    #: Its writer's own words about the change.
    remark = models.CharField(max_length=200, blank=True)
    written_at = models.DateTimeField()
    written_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    #: Name of the person or key at that time.
    written_by_name = models.CharField(max_length=150, blank=True)

    class Meta:
        """Numbered within their page."""

        constraints = [models.UniqueConstraint(fields=["page", "number"], name="wiki_revision_once")]

    def __str__(self) -> str:
        return f"{self.title}, revision {self.number}"
