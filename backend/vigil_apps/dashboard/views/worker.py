"""What makes the dashboard an installed app: its manifest, its service worker and the page without a connection."""

from functools import cache
from pathlib import Path

from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

GROUND = "#0a0d13"
"""The background of the dark theme, `--ground` in tokens.css."""
_ICONS = (("icon-192", 192, "any"), ("icon-512", 512, "any"), ("maskable-512", 512, "maskable"))


@require_GET
def service_worker(request: HttpRequest) -> HttpResponse:
    """Serve the script below `/dashboard/`, which limits its scope; a static path would limit it to that path."""
    return HttpResponse(_script(), content_type="text/javascript", headers={"Cache-Control": "no-cache"})


@require_GET
def manifest(request: HttpRequest) -> HttpResponse:
    """Serve the web app manifest (https://www.w3.org/TR/appmanifest/), in the language of the browser."""
    home = reverse("dashboard:overview")
    body = {
        "id": home,
        "start_url": home,
        "scope": home,
        "name": "Vigil",
        "short_name": "Vigil",
        "description": _("Cameras and alerts"),
        "lang": get_language(),
        "display": "standalone",
        "background_color": GROUND,
        "theme_color": GROUND,
        "icons": [
            {
                "src": static(f"dashboard/icons/{name}.png"),
                "sizes": f"{size}x{size}",
                "type": "image/png",
                "purpose": purpose,
            }
            for name, size, purpose in _ICONS
        ],
        "shortcuts": [
            {"name": _("Alerts"), "url": reverse("dashboard:alerts")},
            {"name": _("Cameras"), "url": reverse("dashboard:cameras")},
        ],
    }
    response = JsonResponse(body, content_type="application/manifest+json")
    patch_vary_headers(response, ("Accept-Language",))
    return response


@require_GET
def offline(request: HttpRequest) -> HttpResponse:
    """Serve the page that the service worker keeps and shows while the server cannot be reached."""
    return render(request, "dashboard/offline.html")


@cache
def _script() -> bytes:
    path = finders.find("dashboard/js/service-worker.js")
    assert isinstance(path, str), "the app's static files are found"
    return Path(path).read_bytes()
