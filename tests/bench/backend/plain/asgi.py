"""The application that gunicorn's uvicorn workers run."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.bench.backend.plain.settings")
application = get_asgi_application()
