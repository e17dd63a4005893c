"""URLs of cases, exports and evidence keys, below `/api/`."""

from django.urls import path

from vigil_apps.api.evidence.keys import EvidenceKeysView

urlpatterns = [path("evidence/keys/", EvidenceKeysView.as_view(), name="evidence-keys")]
