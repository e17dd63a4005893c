"""Django's admin without the tables of django-allauth, which show secrets or have pages of their own.

This app is the last in INSTALLED_APPS: when the admin imports this module, all others have registered their models.
"""

from django.apps import apps
from django.contrib import admin

for _label in ("account", "socialaccount", "mfa"):
    for _model in apps.get_app_config(_label).get_models():
        if admin.site.is_registered(_model):
            admin.site.unregister(_model)
