"""Paths of the audit trail, below `/api/`."""

from django.urls import path

from vigil_apps.audit.api.views import AuditView

urlpatterns = [path("audit/", AuditView.as_view(), name="audit")]
