"""Errors of the API: JSON that names the field, and 503 where another try later will do."""

import logging
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, ProgrammingError
from rest_framework.exceptions import APIException
from rest_framework.response import Response
from rest_framework.views import exception_handler

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 2
_UNDEFINED = {"42703", "42P01"}
"""PostgreSQL's codes for a column and for a table that is not there (its manual, appendix A)."""


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
    """DRF's handler, plus: a database that is away, busy or not yet migrated is 503; a detector then comes back."""
    if isinstance(error, OperationalError | InterfaceError) or _is_schema_behind(error):
        logger.error("database not available: %s", type(error).__name__, extra={"view": _name(context)})
        error = ServiceUnavailableError()
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


def _name(context: dict[str, Any]) -> str:
    return type(context.get("view")).__name__
