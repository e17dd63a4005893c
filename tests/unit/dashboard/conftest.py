"""Dashboard pages in this process: Django's test client, signed in without a form."""

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings


@pytest.fixture(autouse=True)
def page_settings(settings: Settings) -> None:
    """Pages without TLS, with an empty cache."""
    settings.SECURE_SSL_REDIRECT = False
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    cache.clear()


@pytest.fixture
def anna(db: None) -> User:
    return User.objects.create_user("anna")


@pytest.fixture
def client(anna: User) -> Client:
    """Anna's browser."""
    browser = Client()
    browser.force_login(anna)
    return browser
