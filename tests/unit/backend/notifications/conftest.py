"""Subscriptions of Anna's, and receivers that are not there."""

from typing import Any

import pytest
from tests.unit.backend.conftest import WEBHOOK, Party

from vigil_apps.notifications.models import Subscription
from vigil_apps.notifications.services.subscriptions import subscription_create


@pytest.fixture
def subscription(anna: Party) -> Subscription:
    """A webhook of Anna's for all alerts that she sees."""
    return subscribe(anna)


def subscribe(party: Party, **changes: Any) -> Subscription:
    """A webhook of somebody's."""
    return subscription_create(user=party.user, values={**WEBHOOK, **changes})
