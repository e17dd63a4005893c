"""URLs of cases, exports and evidence keys, below `/api/`."""

from django.urls import path

from vigil_apps.api.evidence import cases, exports
from vigil_apps.api.evidence.keys import EvidenceKeysView

_CASE = "cases/<int:case_id>/"
_EXPORT = f"{_CASE}exports/<int:export_id>/"
urlpatterns = [
    path("evidence/keys/", EvidenceKeysView.as_view(), name="evidence-keys"),
    path("cases/", cases.CaseListView.as_view(), name="cases"),
    path(_CASE, cases.CaseView.as_view(), name="case"),
    path(f"{_CASE}close/", cases.CaseCloseView.as_view(), name="case-close"),
    path(f"{_CASE}members/", cases.CaseMemberListView.as_view(), name="case-members"),
    path(f"{_CASE}members/<int:user_id>/", cases.CaseMemberView.as_view(), name="case-member"),
    path(f"{_CASE}items/", cases.CaseItemListView.as_view(), name="case-items"),
    path(f"{_CASE}items/<int:item_id>/", cases.CaseItemView.as_view(), name="case-item"),
    path(f"{_CASE}exports/", exports.CaseExportListView.as_view(), name="case-exports"),
    path(_EXPORT, exports.CaseExportView.as_view(), name="case-export"),
    path(f"{_EXPORT}archive.zip", exports.CaseArchiveView.as_view(), name="case-archive"),
]
