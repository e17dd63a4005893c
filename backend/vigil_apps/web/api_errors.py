"""Errors of the API: JSON that names the field, and 503 where another try later will do."""

import logging
from typing import Any

from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError, ProgrammingError
from rest_framework.exceptions import APIException, NotFound
from rest_framework.response import Response
from rest_framework.views import exception_handler

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 2
_UNDEFINED = {"42703", "42P01"}
"""PostgreSQL's codes for a column and for a table that is not there (its manual, appendix A)."""
_FOREIGN_KEY_VIOLATIONS = {"23503", "SQLITE_CONSTRAINT_FOREIGNKEY"}
"""PostgreSQL's code and SQLite's name of an error: a row belongs to one that is not there."""


class ServiceUnavailableError(APIException):
    """The database or the storage is away for now; the same request may be sent again."""

    status_code = 503
    default_detail = "The service is not available at the moment. Send the request again."
    default_code = "unavailable"
    wait = RETRY_AFTER_SECONDS


class ConflictError(APIException):
    """The request is right, but not for this object as it is."""

    status_code = 409
    default_code = "conflict"


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's handler, plus: a database that is away, busy or not yet migrated is 503; a detector then comes back.

    What is written to something that somebody deletes at the same moment is 404, as it would be a moment later.
    """
    if isinstance(error, OperationalError | InterfaceError) or _is_schema_behind(error):
        logger.error("database not available: %s", type(error).__name__, extra={"view": _name(context)})
        error = ServiceUnavailableError()
    elif isinstance(error, DatabaseError) and _is_gone(error):
        error = NotFound()
    elif isinstance(error, DatabaseError):
        logger.error("database refused: %s", type(error).__name__, extra={"view": _name(context)})
    response = exception_handler(error, context)
    if response is not None:
        response.content_type = "application/json"  # where a picture or a stream was asked for, too
    return response


def _is_schema_behind(error: Exception) -> bool:
    """Whether PostgreSQL lacks a table or a column: this version was started before its migrations were run.

    SQLite says so with an OperationalError.
    """
    return isinstance(error, ProgrammingError) and getattr(error.__cause__, "pgcode", "") in _UNDEFINED


def _is_gone(error: DatabaseError) -> bool:
    """Whether the row that was to be changed, or one that it belongs to, is no more."""
    cause = error.__cause__
    if cause is None:
        return type(error) is DatabaseError  # Django's own: `save` found no row to update
    code = getattr(cause, "pgcode", None) or getattr(cause, "sqlite_errorname", "")
    return isinstance(error, IntegrityError) and code in _FOREIGN_KEY_VIOLATIONS


def _name(context: dict[str, Any]) -> str:
    return type(context.get("view")).__name__
