"""What a member of a site may do with its cameras. Each role includes the one before."""

from django.db import models


class Role(models.TextChoices):
    """The closed list of roles; values are stored. The order is that of their rights."""

    VIEWER = "viewer", "Viewer: sees cameras, alerts and pictures"
    SITE_OPERATOR = "operator", "Operator: also handles alerts, and switches cameras on and off"
    ADMIN = "admin", "Admin: also changes cameras, members and the site"

    @property
    def and_above(self) -> frozenset[str]:
        """This role and those that include it."""
        roles = list(Role)
        return frozenset(str(role.value) for role in roles[roles.index(self) :])
