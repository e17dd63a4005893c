"""URLs of the Home Assistant integration, below `/api/`."""

from django.urls import path

from vigil_apps.api.home_assistant.views import HomeAssistantView

urlpatterns = [path("home-assistant/", HomeAssistantView.as_view(), name="home-assistant")]
