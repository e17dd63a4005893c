"""The API's texts in the reader's language: reasons of health, history and gaps, results of detector
tasks, and problems of exports.

Texts come from the contracts, in English, the same everywhere. A message may continue after its reason's text with a
detail, such as the cluster's answer; details are not translated.
"""

from django.utils.translation import gettext

from surveillance.core.health import ADDRESS_UNREADABLE
from surveillance.services.detector_tasks import NO_DETECTOR_CONNECTED, NOT_FINISHED
from vigil_apps.evidence.core.problems import EXPORT_TEXTS
from vigil_contracts.names import REASON_TEXTS
from vigil_contracts.recording import GAP_TEXTS

TEXTS = tuple(
    sorted(
        {
            *REASON_TEXTS.values(),
            *GAP_TEXTS.values(),
            *EXPORT_TEXTS,
            ADDRESS_UNREADABLE,
            NO_DETECTOR_CONNECTED,
            NOT_FINISHED,
        },
        key=len,
        reverse=True,
    )
)
"""Longer ones first, so that the first that a message begins with is the right one."""


def in_own_words(message: str) -> str:
    """Return the message with its reason's text in the active language."""
    text = next((one for one in TEXTS if message.startswith(one)), None)
    return message if text is None else gettext(text) + message[len(text) :]


def translations() -> dict[str, str]:
    """Return the texts and their translations for scripts, the longer ones first; empty if no text differs."""
    return {text: words for text in TEXTS if (words := gettext(text)) != text}
