"""E-mail through the server's mail relay (`VIGIL_EMAIL_HOST`), with the images of the first alerts."""

import smtplib
import ssl
from collections.abc import Mapping
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.core.validators import validate_email
from pydantic import Field, field_validator

from surveillance import images
from vigil_apps.notifications.channels.base import DeliveryError, Target
from vigil_apps.notifications.core.message import Content

PICTURES = 4
"""Maximum number of attached images; mail relays reject large messages."""


class EmailTarget(Target):
    """A mailbox."""

    address: str = Field(max_length=254, description="One address, such as anna@example.org.")

    @field_validator("address")
    @classmethod
    def _is_address(cls, address: str) -> str:
        try:
            validate_email(address.strip())
        except ValidationError:
            raise ValueError("must be one e-mail address, as in anna@example.org") from None
        return address.strip()


class Email:
    """Sends plain-text e-mails."""

    label = "E-mail"
    target_type = EmailTarget

    def unavailable(self) -> str:
        """Return a problem if no mail relay is configured."""
        return "" if settings.EMAIL_HOST else "e-mail is not set up on this server (VIGIL_EMAIL_HOST)"

    def mask(self, target: EmailTarget) -> Mapping[str, Any]:
        """Return the address: it is not secret for its owner."""
        return {"address": target.address}

    def send(self, target: EmailTarget, content: Content) -> None:
        """Send the mail; the relay's status 250 is the confirmation, as it is then responsible for the delivery."""
        try:
            if _mail(target, content).send() != 1:
                raise DeliveryError("the mail was not sent")
        except smtplib.SMTPRecipientsRefused as error:
            code = max((code for code, _ in error.recipients.values()), default=0)
            raise DeliveryError(f"the mail relay rejected the address ({code})", is_final=code >= 500) from None
        except smtplib.SMTPAuthenticationError:
            raise DeliveryError("the mail relay rejected the user name or password (VIGIL_EMAIL_USER)") from None
        except smtplib.SMTPResponseException as error:
            raise DeliveryError(f"the mail relay answered {error.smtp_code}") from None
        except ssl.SSLError:
            raise DeliveryError("the TLS handshake with the mail relay failed (VIGIL_EMAIL_SECURITY)") from None
        except (smtplib.SMTPException, OSError):
            raise DeliveryError("the mail relay is unreachable or closed the connection") from None


def _mail(target: EmailTarget, content: Content) -> EmailMessage:
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    mail = EmailMessage(
        subject=" ".join(content.title.split()),
        body=content.text,
        to=[target.address],
        # The same in every attempt: mail programs and servers detect duplicates by it.
        headers={"Message-ID": f"<{content.id}@{domain}>", "X-Vigil-Id": str(content.id)},
    )
    for number, key in enumerate([alert.image_key for alert in content.alerts if alert.image_key][:PICTURES], 1):
        picture = _image(key)
        if picture is not None:
            mail.attach(f"alert-{number}.jpg", picture, "image/jpeg")
    return mail


def _image(key: str) -> bytes | None:
    try:
        return images.read(key)
    except images.StorageUnavailableError:
        return None  # send the alert without its image
