"""The Django project: settings, URL configuration, ASGI application and middleware."""
