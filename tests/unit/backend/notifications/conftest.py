"""Anna's subscriptions, with receivers that do not exist."""

from typing import Any

import pytest
from tests.unit.backend.conftest import WEBHOOK, Party

from vigil_apps.notifications.models import Subscription
from vigil_apps.notifications.services.subscriptions import subscription_create


@pytest.fixture
def subscription(anna: Party) -> Subscription:
    """Anna's webhook for all alerts that she can see."""
    return subscribe(anna)


def subscribe(party: Party, **changes: Any) -> Subscription:
    """Create a webhook of a user."""
    return subscription_create(user=party.user, values={**WEBHOOK, **changes})
