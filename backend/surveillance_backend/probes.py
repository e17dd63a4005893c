"""`/healthz`: the process responds. `/readyz`: it can work, or which part cannot."""

import logging

from django.db import DEFAULT_DB_ALIAS, Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from surveillance.images import media_storage
from vigil_contracts.time_zones import TIME_ZONE_DATABASE_VERSION

logger = logging.getLogger(__name__)
_migrated = False


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200 while the process serves requests, with the version of the time zone database."""
    return JsonResponse({"status": "ok", "time_zone_database": TIME_ZONE_DATABASE_VERSION})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """Return 200 if database and storage are usable; 503 names the one that is not."""
    problems = {name: text for name, text in (("database", _database()), ("storage", _storage())) if text}
    status = "unavailable" if problems else "ok"
    return JsonResponse({"status": status, **problems}, status=503 if problems else 200)


def _database() -> str:
    global _migrated  # stays true while the process runs; checking takes 20 ms
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        if not _migrated:
            executor = MigrationExecutor(connection)
            if executor.migration_plan(executor.loader.graph.leaf_nodes()):
                return "migrations are missing: run `manage.py migrate`"
            _migrated = True
    except Error as error:
        logger.warning("database %s unavailable: %s", DEFAULT_DB_ALIAS, type(error).__name__)
        return "not available"
    return ""


def _storage() -> str:
    problem = media_storage().problem()
    if problem:
        logger.warning("the storage is unusable: %s", problem)
    return problem
