"""The status page of an organization: what it shows to everybody, and the notices that people write there."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from fleet.deployments.models import Site
from fleet.organizations.models import Organization
from fleet.stations.models import Station


class StatusPage(models.Model):
    """The facts that an organization tells everybody about its stations; without a row, or while it is off, nothing.

    off ──an owner──▶ on ──an owner──▶ off
    """

    organization = models.OneToOneField(
        Organization, on_delete=models.CASCADE, primary_key=True, related_name="status_page"
    )
    #: Its name in addresses; unique on the server.
    slug = models.SlugField(max_length=60, unique=True)
    title = models.CharField(max_length=120)
    #: A few plain words above the list.
    words = models.TextField(blank=True)
    is_on = models.BooleanField(default=False)
    changed_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.title

    def audited_as(self) -> tuple[int | None, str]:
        """Organization and name for the audit log."""
        return self.organization_id, self.title


class StatusItem(models.Model):
    """A station or a site on a status page, under a name that somebody wrote for everybody.

    A trigger refuses what belongs to another organization. A station that moves away leaves the page.
    """

    id = models.BigAutoField(primary_key=True)
    page = models.ForeignKey(StatusPage, on_delete=models.CASCADE, related_name="items")
    station = models.ForeignKey(Station, null=True, on_delete=models.CASCADE, related_name="status_items")
    site = models.ForeignKey(Site, null=True, on_delete=models.CASCADE, related_name="status_items")
    name = models.CharField(max_length=80)
    #: Lists begin with the lowest.
    position = models.IntegerField(default=0)

    class Meta:
        """One station or one site each, and each of them once."""

        constraints = [
            models.CheckConstraint(
                condition=Q(station=None, site__isnull=False) | Q(station__isnull=False, site=None),
                name="status_item_is_of_one",
            ),
            models.UniqueConstraint(fields=["page", "station"], name="status_item_station_once"),
            models.UniqueConstraint(fields=["page", "site"], name="status_item_site_once"),
        ]

    def __str__(self) -> str:
        return self.name


class Notice(models.Model):
    """Something that people of an organization tell everybody: a title, and updates from its beginning to its end.

        open ──an update that ends it──▶ over
         any ──an operator removes it──▶ gone, with its updates

    Only people write notices: alerts open and close none, because their sentences name serials and battery states.
    """

    id = models.BigAutoField(primary_key=True)
    page = models.ForeignKey(StatusPage, on_delete=models.CASCADE, related_name="notices")
    title = models.CharField(max_length=120)
    began_at = models.DateTimeField()
    over_at = models.DateTimeField(null=True)

    class Meta:
        """The page lists open notices first, then the newest."""

        indexes = [models.Index(fields=["page", "-began_at"], name="notice_of_page")]

    def __str__(self) -> str:
        return self.title

    def audited_as(self) -> tuple[int | None, str]:
        """Organization and name for the audit log."""
        return self.page_id, self.title


class NoticeUpdate(models.Model):
    """A plain text that somebody wrote about a notice. The writer's name is for members only."""

    id = models.BigAutoField(primary_key=True)
    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="updates")
    text = models.TextField()
    is_end = models.BooleanField(default=False)
    written_at = models.DateTimeField()
    written_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    #: Name of the person at that time.
    written_by_name = models.CharField(max_length=150, blank=True)

    def __str__(self) -> str:
        return self.text
