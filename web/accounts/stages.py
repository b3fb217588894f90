"""The login step that asks people who signed up themselves to confirm their address."""

from allauth.account.models import EmailAddress
from allauth.account.stages import EmailVerificationStage
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.http import HttpResponse


class AddressStage(EmailVerificationStage):
    """Skips confirmation for people whose account an administrator created: their address is trusted."""

    def handle(self) -> tuple[HttpResponse | None, bool]:
        """Let people with a trusted address through; ask everyone else to confirm theirs."""
        user = self.login.user
        is_made = isinstance(user, User) and not EmailAddress.objects.filter(user=user).exists()
        if is_made and (not user.email or _trust_address(user)):
            return None, True
        asked: tuple[HttpResponse | None, bool] = super().handle()
        return asked


def _trust_address(user: User) -> bool:
    try:
        with transaction.atomic():
            EmailAddress.objects.create(user=user, email=user.email.lower(), verified=True, primary=True)
    except IntegrityError:
        # Somebody else has confirmed this address: ask this person to confirm it.
        return False
    return True
