"""The mail to the person who asked for a package: it is ready, or it failed and why."""

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.mail import send_mail
from django.utils.translation import gettext as _

from fleet.core.spoken import count_words, one_line, stamp_words
from fleet.exports.models import DataPackage
from fleet.organizations.models import Membership
from fleet.organizations.people import speaking_to


def package_letter(package: DataPackage) -> None:
    """Queue the mail, in the caller's transaction. Keys, and people who have left or have no address, get none."""
    organization = package.organization
    is_member = Membership.objects.filter(user=package.asked_by, organization=organization, user__is_active=True)
    address = EmailAddress.objects.filter(user=package.asked_by, primary=True, verified=True).first()
    if package.asked_by is None or address is None or not (is_member.exists() or package.asked_by.is_superuser):
        return
    with speaking_to(email=address.email, organization=organization):
        subject, body = _words(package)
        send_mail(one_line(subject), body, None, [address.email])


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
