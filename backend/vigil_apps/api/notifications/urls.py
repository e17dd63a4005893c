"""URLs of notifications, below `/api/`."""

from django.urls import path

from vigil_apps.api.notifications import views

urlpatterns = [
    path("notifications/", views.SubscriptionListView.as_view(), name="notification-list"),
    path("notifications/channels/", views.ChannelListView.as_view(), name="notification-channels"),
    path("notifications/web-push/", views.WebPushView.as_view(), name="notification-web-push"),
    path("notifications/<int:subscription_id>/", views.SubscriptionView.as_view(), name="notification"),
    path("notifications/<int:subscription_id>/test/", views.TestView.as_view(), name="notification-test"),
    path(
        "notifications/<int:subscription_id>/messages/", views.MessageListView.as_view(), name="notification-messages"
    ),
    path(
        "notifications/<int:subscription_id>/messages/<uuid:message_id>/",
        views.MessageView.as_view(),
        name="notification-message",
    ),
]
