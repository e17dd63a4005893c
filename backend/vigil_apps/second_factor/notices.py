"""Tell a user about a change of their factors: in the dashboard, and by e-mail if both have an address."""

import logging
import smtplib
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import send_mail
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from vigil_apps.audit.origin import origin
from vigil_apps.second_factor.models import Change, FactorNotice

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Mail:
    """Subject and text of a mail."""

    subject: str
    text: str


def tell(user: User, change: Change, name: str = "") -> None:
    """Store a notice for the dashboard, and send a mail when the transaction is committed."""
    FactorNotice.objects.create(user=user, change=change, name=name[:100])
    if settings.EMAIL_HOST and user.email:
        mail = mail_about(user.get_username(), change, name, address=origin().address or "")
        transaction.on_commit(lambda: _send(user.email, mail))


def text_of(change: Change) -> str:
    """Return a sentence in the viewer's language."""
    return {
        Change.TOTP_ADDED: _("An authenticator app was added."),
        Change.TOTP_REMOVED: _("The authenticator app was removed."),
        Change.PASSKEY_ADDED: _("A passkey was added."),
        Change.PASSKEY_REMOVED: _("A passkey was removed."),
        Change.CODES_CREATED: _("New recovery codes were created. Earlier codes are no longer valid."),
        Change.CODES_REMOVED: _("The recovery codes were removed."),
        Change.CODE_USED: _("A recovery code was used."),
        Change.RESET: _("An administrator reset your second factor. Set up a new one."),
    }[change]


def mail_about(username: str, change: Change, name: str, *, address: str) -> Mail:
    """Return the mail about a change; it contains no secret and no link."""
    what = text_of(change) + (f" ({name})" if name else "")
    details = _("Account: %(username)s. Time: %(time)s. Address: %(address)s.") % {
        "username": username,
        "time": f"{timezone.now():%Y-%m-%d %H:%M} UTC",
        "address": address or "–",
    }
    advice = _("If this was not you, tell an administrator at once.")
    return Mail(_("Vigil: your sign-in was changed"), f"{what}\n\n{details}\n\n{advice}\n")


def _send(recipient: str, mail: Mail) -> None:
    try:
        send_mail(mail.subject, mail.text, None, [recipient])
    except (smtplib.SMTPException, OSError) as error:
        log.warning(
            "could not mail a user about a change of their second factor: %s; the dashboard shows it",
            type(error).__name__,
        )
