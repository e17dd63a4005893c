"""URLs of sites, below `/api/`."""

from django.urls import path

from vigil_apps.api.sites import views

urlpatterns = [
    path("sites/", views.SiteListView.as_view(), name="site-list"),
    path("sites/<int:site_id>/", views.SiteView.as_view(), name="site"),
    path("sites/<int:site_id>/members/", views.MemberListView.as_view(), name="site-members"),
    path("sites/<int:site_id>/members/<int:user_id>/", views.MemberView.as_view(), name="site-member"),
]
