"""URLs of the audit log, below `/api/`."""

from django.urls import path

from vigil_apps.api.audit.views import AuditView

urlpatterns = [path("audit/", AuditView.as_view(), name="audit")]
