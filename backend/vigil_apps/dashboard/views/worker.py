"""The service worker, a script that the browser runs while no page is open."""

from functools import cache
from pathlib import Path

from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET


@require_GET
def service_worker(request: HttpRequest) -> HttpResponse:
    """Serve the script below `/dashboard/`, which limits its scope; a static path would limit it to that path."""
    return HttpResponse(_script(), content_type="text/javascript", headers={"Cache-Control": "no-cache"})


@cache
def _script() -> bytes:
    path = finders.find("dashboard/js/service-worker.js")
    assert isinstance(path, str), "the app's static files are found"
    return Path(path).read_bytes()
