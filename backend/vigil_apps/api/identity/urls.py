"""URLs of group mappings, below `/api/`."""

from django.urls import path

from vigil_apps.api.identity import views

urlpatterns = [
    path("group-mappings/", views.GroupMappingListView.as_view(), name="group-mapping-list"),
    path("group-mappings/<int:mapping_id>/", views.GroupMappingView.as_view(), name="group-mapping-detail"),
]
