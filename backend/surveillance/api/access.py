"""The scopes that the views of this app permit, and the rights of their streams.

`surveillance.selectors.access` decides what a principal can view.
"""

from rest_framework.request import Request

from surveillance.event_streams.rights import Right, password_mark
from vigil_apps.accounts.models import AuthToken
from vigil_apps.accounts.permissions import USER, principal_of, user_of
from vigil_apps.accounts.scopes import Scope

DETECTOR = frozenset({Scope.DETECTOR})
CLUSTER_OPERATOR = frozenset({Scope.CLUSTER_OPERATOR})
USER_AND_CLUSTER_OPERATOR = USER | CLUSTER_OPERATOR
USER_AND_SERVICES = USER | {Scope.CLUSTER_OPERATOR, Scope.PIPELINE}
SENDERS = frozenset({Scope.DETECTOR, Scope.PIPELINE})
TASK_RECEIVERS = SENDERS | {Scope.PROBER}

__all__ = ["USER", "principal_of", "user_of"]  # from accounts, for the views here


def right_of(request: Request) -> Right:
    """Return the right that a stream which answers this request depends on."""
    user = user_of(request)
    if isinstance(request.auth, AuthToken):
        return Right(user.pk, token=str(request.auth.public_id))
    return Right(user.pk, session=request.session.session_key or "", password_mark=password_mark(user))
