"""Services that Apprise supports (Telegram, Slack, Signal, ntfy, Matrix, …): https://github.com/caronc/apprise.

Apprise runs in a separate process and gets the URL on its standard input; `apprise_process` restricts what it can do.
A hanging service can be killed, and none of the hundred plug-ins becomes part of the backend.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from pydantic import Field, field_validator

from vigil_apps.notifications.channels.base import MASK, SEND_SECONDS, DeliveryError, Target
from vigil_apps.notifications.core.message import Content

_START_SECONDS = 15.0
"""Apprise first loads all its plug-ins, which takes long on a busy machine."""
INVALID = "must be an Apprise URL of a service on the network, as in tgram://bottoken/ChatID"


ONE_RECIPIENT = (
    "must name one recipient, and names {}: when one of them fails, the others would get the message again; make a"
    " subscription for each"
)


class AppriseTarget(Target):
    """A service that Apprise supports."""

    url: str = Field(max_length=2000, description="An Apprise URL. Responses contain only its scheme.")

    @field_validator("url")
    @classmethod
    def _is_url(cls, url: str) -> str:
        url = url.strip()
        if "://" not in url or not url.isprintable():
            raise ValueError(INVALID)
        answer = _run_process({"url": url})
        if answer.get("error"):
            raise ValueError(INVALID if answer["error"] == "invalid" else str(answer["error"]))
        if answer["recipients"] > 1:
            raise ValueError(ONE_RECIPIENT.format(answer["recipients"]))
        return url


class Apprise:
    """Sends messages through Apprise."""

    label = "Apprise"
    target_type = AppriseTarget

    def unavailable(self) -> str:
        """Return no problem: the channel needs no settings."""
        return ""

    def mask(self, target: AppriseTarget) -> Mapping[str, Any]:
        """Return the scheme. Everything else in an Apprise URL may be secret."""
        return {"url": f"{target.url.partition('://')[0]}://{MASK}"}

    def send(self, target: AppriseTarget, content: Content) -> None:
        """Send the message; Apprise's report that the service accepted it is the confirmation."""
        answer = _run_process({"url": target.url, "title": content.title, "body": content.text})
        if answer.get("error"):
            # Older subscriptions may name several recipients: those who have received the message must not get it
            # again.
            raise DeliveryError(str(answer["error"]), is_final=answer.get("recipients", 1) > 1)


def _run_process(question: dict[str, Any]) -> dict[str, Any]:
    """Return the process's answer. Raises DeliveryError if there is none."""
    policy = settings.VIGIL_NOTIFY_ADDRESSES
    networks = [str(network) for network in policy.also]
    try:
        finished = subprocess.run(
            # -I: neither the working directory nor PYTHON… variables influence imports.
            [sys.executable, "-I", "-m", "vigil_apps.notifications.channels.apprise_process"],
            input=json.dumps({**question, "networks": networks}),
            env={},
            capture_output=True,
            text=True,
            check=False,
            timeout=_START_SECONDS + SEND_SECONDS,
        )
        return dict(json.loads(finished.stdout))
    except subprocess.TimeoutExpired:
        raise DeliveryError("the service did not answer in time") from None
    except ValueError:
        raise DeliveryError("Apprise ended without an answer") from None
