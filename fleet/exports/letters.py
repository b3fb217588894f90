"""Mails to the person who asked for a package or a repeated one: it is ready, or it failed and why."""

from collections.abc import Callable

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import send_mail
from django.utils.translation import gettext as _

from fleet.core.spoken import count_words, one_line, stamp_words
from fleet.exports.models import DataPackage, PackageSchedule
from fleet.organizations.models import Membership, Organization
from fleet.organizations.people import speaking_to


def package_letter(package: DataPackage) -> None:
    """Queue the mail, in the caller's transaction. Keys get none, nor do people who have left or have no address."""
    _send(package.asked_by, package.organization, lambda: _words(package))


def schedule_letter(schedule: PackageSchedule, reason: str) -> None:
    """Queue the mail that a schedule fails or, if the reason is empty, that it works again."""
    _send(schedule.created_by, schedule.organization, lambda: _schedule_words(schedule, reason))


def _send(person: User | None, organization: Organization, words: Callable[[], tuple[str, str]]) -> None:
    is_member = Membership.objects.filter(user=person, organization=organization, user__is_active=True)
    address = EmailAddress.objects.filter(user=person, primary=True, verified=True).first()
    if person is None or address is None or not (is_member.exists() or person.is_superuser):
        return
    with speaking_to(email=address.email, organization=organization):
        subject, body = words()
        send_mail(one_line(subject), body, None, [address.email])


def _schedule_words(schedule: PackageSchedule, reason: str) -> tuple[str, str]:
    page = f"{settings.SITE_URL}/organizations/{schedule.organization.slug}/packages/schedules/"
    told = {"name": schedule.name, "reason": reason, "page": page}
    if reason:
        return (
            _("Failed: repeated package %(name)s") % told,
            _("%(reason)s\n\nIt is tried again by itself; you get one more mail when it works.\n%(page)s\n") % told,
        )
    return _("Works again: repeated package %(name)s") % told, _("All its files are made.\n%(page)s\n") % told


def _words(package: DataPackage) -> tuple[str, str]:
    name = package.organization.name
    page = f"{settings.SITE_URL}/organizations/{package.organization.slug}/packages/"
    if package.state != DataPackage.State.DONE or package.expires_at is None:
        body = _("%(reason)s\n\nYour packages: %(page)s\n") % {"reason": package.reason, "page": page}
        return _("Failed: data package of %(name)s") % {"name": name}, body
    body = _("Your data package of %(name)s has %(rows)s rows. Download it until %(day)s:\n%(address)s\n") % {
        "name": name,
        "rows": count_words(package.rows),
        "day": stamp_words(package.expires_at),
        "address": f"{page}{package.pk}/data.zip",
    }
    if package.reason:
        body += f"\n{package.reason}\n"
    return _("Ready: data package of %(name)s") % {"name": name}, body
