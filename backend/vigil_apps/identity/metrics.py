"""Metrics of identities."""

from prometheus_client import Counter

IDENTITY_CHECKS = Counter(
    "vigil_identity_checks_total",
    "Checks of users' groups at identity providers, by outcome: confirmed, refused, unavailable.",
    ["outcome"],
)
