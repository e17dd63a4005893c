"""The site roles. Each role includes the rights of the one before."""

from django.db import models


class Role(models.TextChoices):
    """The site roles in ascending order of their rights; their values are stored in the database."""

    VIEWER = "viewer", "Viewer: sees cameras, alerts and pictures"
    SITE_OPERATOR = "operator", "Operator: also handles alerts, and switches cameras on and off"
    ADMIN = "admin", "Admin: also changes cameras, members and the site"

    @property
    def and_above(self) -> frozenset[str]:
        """Return this role and those that include it."""
        roles = list(Role)
        return frozenset(str(role.value) for role in roles[roles.index(self) :])

    @classmethod
    def highest(cls, *roles: str) -> "Role | None":
        """Return the highest of the roles; empty texts stand for none."""
        order = list(cls)
        given = [cls(role) for role in roles if role]
        return max(given, key=order.index) if given else None
