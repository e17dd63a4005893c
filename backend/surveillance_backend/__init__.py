"""The Django project: settings, URL configuration, ASGI application, and what every request passes through."""
