"""The step of a login that asks whether an address is confirmed, for people who signed up themselves."""

from allauth.account.models import EmailAddress
from allauth.account.stages import EmailVerificationStage
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.http import HttpResponse


class AddressStage(EmailVerificationStage):
    """Whom an administrator made has no address to confirm: what stands with the login is believed."""

    def handle(self) -> tuple[HttpResponse | None, bool]:
        """Let such a person through; ask everybody else."""
        user = self.login.user
        is_made = isinstance(user, User) and not EmailAddress.objects.filter(user=user).exists()
        if is_made and (not user.email or _address_believe(user)):
            return None, True
        asked: tuple[HttpResponse | None, bool] = super().handle()
        return asked


def _address_believe(user: User) -> bool:
    try:
        with transaction.atomic():
            EmailAddress.objects.create(user=user, email=user.email.lower(), verified=True, primary=True)
    except IntegrityError:
        # Somebody else has confirmed it: this person is asked to.
        return False
    return True
