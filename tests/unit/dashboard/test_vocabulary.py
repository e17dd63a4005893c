"""Every value of the vocabularies has a style, and every style exists."""

import re
from pathlib import Path

import pytest

from vigil_apps import dashboard
from vigil_apps.audit.models import Action, Via
from vigil_apps.dashboard.templatetags.vigil import changed
from vigil_apps.dashboard.vocabulary import ALERT_KINDS, CHOICES, PHASE_LOOKS, TROUBLED_PHASES
from vigil_apps.notifications.core.names import MessageKind, MessageState
from vigil_contracts.names import AlertType, CameraPhase

APP = Path(dashboard.__file__).parent
ICONS = set(re.findall(r'<symbol id="([a-z-]+)"', (APP / "static/dashboard/icons.svg").read_text()))
TEMPLATES = sorted((APP / "templates").rglob("*.html"))


def test_every_alert_type_and_phase_has_a_style() -> None:
    assert set(ALERT_KINDS) == set(AlertType)
    assert set(PHASE_LOOKS) == set(CameraPhase)
    assert set(PHASE_LOOKS) > TROUBLED_PHASES


def test_every_named_icon_exists() -> None:
    named = {kind.icon for kind in ALERT_KINDS.values()}
    for template in TEMPLATES:
        text = template.read_text()
        named |= set(re.findall(r'{% icon "([a-z-]+)"', text)) | set(re.findall(r'icon_name="([a-z-]+)"', text))
    assert named <= ICONS, named - ICONS


def test_templates_obey_the_content_security_policy() -> None:
    script = r"""<script(?![^>]*\s(?:src=|type="application/json"))"""  # JSON is data, which browsers do not execute
    forbidden = re.compile(rf"""\sstyle=|\son[a-z]+=|<style|{script}|(?:src|href)=["']?https?:""")
    for template in TEMPLATES:
        found = forbidden.search(template.read_text())
        assert found is None, f"{template.name}: {found.group() if found else ''}"


def test_every_stored_value_has_a_label() -> None:
    stored = [*MessageKind, *MessageState, *(each.value for each in (*Action, *Via))]
    assert CHOICES.keys() == {str(value) for value in stored}
    assert len(set(stored)) == len(stored)


@pytest.mark.parametrize(("value", "text"), [(None, "–"), ("", "–"), (False, "False"), (0, "0"), ("Gate", "Gate")])
def test_a_value_of_the_audit_log_is_never_empty(value: object, text: str) -> None:
    assert changed(value) == text
