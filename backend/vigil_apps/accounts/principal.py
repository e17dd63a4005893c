"""The sender of a request, as the input of all permission checks."""

from dataclasses import dataclass

from django.contrib.auth.models import User

from vigil_apps.accounts.models import AuthToken
from vigil_apps.accounts.scopes import Scope


@dataclass(frozen=True, slots=True)
class Principal:
    """A user, a service, or the detector of one camera. `scope` None: anonymous."""

    user: User | None
    scope: Scope | None
    camera_id: int | None = None

    @classmethod
    def of_user(cls, user: User) -> "Principal":
        """Return the user as they act in a browser."""
        return cls(user, Scope.USER)

    @classmethod
    def of_token(cls, token: AuthToken) -> "Principal":
        """Return the sender of this token."""
        return cls(token.user, Scope(token.scope), token.camera_id)


NOBODY = Principal(None, None)
