"""The application that gunicorn's own workers run."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.bench.backend.plain.settings")
application = get_wsgi_application()
