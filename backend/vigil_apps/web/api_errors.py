"""API errors: JSON that names the field, and 503 for errors that a later retry resolves."""

import logging
from typing import Any

from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError, ProgrammingError
from rest_framework.exceptions import APIException, NotFound, ValidationError
from rest_framework.response import Response
from rest_framework.views import exception_handler

from vigil_apps.web.quotas import QuotaExceededError

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 2
_UNDEFINED = {"42703", "42P01"}
"""PostgreSQL's codes for an undefined column and an undefined table (manual, appendix A)."""
_FOREIGN_KEY_VIOLATIONS = {"23503", "SQLITE_CONSTRAINT_FOREIGNKEY"}
"""PostgreSQL's code and SQLite's name of a foreign key violation."""


class ServiceUnavailableError(APIException):
    """The database or the storage is temporarily unavailable; the request may be repeated."""

    status_code = 503
    default_detail = "The service is not available at the moment. Send the request again."
    default_code = "unavailable"
    wait = RETRY_AFTER_SECONDS


class ConflictError(APIException):
    """The request is valid but conflicts with the object's current state."""

    status_code = 409
    default_code = "conflict"


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """Extend DRF's handler: a database that is unavailable, busy or not yet migrated is 503, so that detectors retry.

    Writing to an object that is deleted concurrently is 404, as it would be a moment later.
    """
    if isinstance(error, OperationalError | InterfaceError) or _is_schema_behind(error):
        logger.error("database unavailable: %s", type(error).__name__, extra={"view": _name(context)})
        error = ServiceUnavailableError()
    elif isinstance(error, QuotaExceededError):
        error = ValidationError({"non_field_errors": [str(error)]})
    elif isinstance(error, DatabaseError) and _is_gone(error):
        error = NotFound()
    elif isinstance(error, DatabaseError):
        logger.error("the database rejected a change: %s", type(error).__name__, extra={"view": _name(context)})
    response = exception_handler(error, context)
    if response is not None:
        response.content_type = "application/json"  # also if an image or a stream was requested
    return response


def _is_schema_behind(error: Exception) -> bool:
    """Return whether PostgreSQL lacks a table or column: this version was started before its migrations ran.

    SQLite raises an OperationalError instead.
    """
    return isinstance(error, ProgrammingError) and getattr(error.__cause__, "pgcode", "") in _UNDEFINED


def _is_gone(error: DatabaseError) -> bool:
    """Return whether the row to change, or one that it refers to, no longer exists."""
    cause = error.__cause__
    if cause is None:
        return type(error) is DatabaseError  # Django's own: `save` found no row to update
    code = getattr(cause, "pgcode", None) or getattr(cause, "sqlite_errorname", "")
    return isinstance(error, IntegrityError) and code in _FOREIGN_KEY_VIOLATIONS


def _name(context: dict[str, Any]) -> str:
    return type(context.get("view")).__name__
