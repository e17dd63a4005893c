"""URLs of accounts, below `/api/`."""

from django.urls import path

from vigil_apps.api.accounts import invitations, schema, second_factor, views  # noqa: F401 `schema` registers itself

urlpatterns = [
    path("token/", views.TokenView.as_view(), name="token"),
    path("tokens/", views.TokenListView.as_view(), name="token-list"),
    path("tokens/<uuid:token_id>/", views.TokenDetailView.as_view(), name="token-detail"),
    path("tokens/<uuid:token_id>/rotate/", views.TokenRotateView.as_view(), name="token-rotate"),
    path("invitations/", invitations.InvitationListView.as_view(), name="invitation-list"),
    path("invitations/<uuid:invitation_id>/", invitations.InvitationView.as_view(), name="invitation-detail"),
    path("invitations/accept/", invitations.AcceptView.as_view(), name="invitation-accept"),
    path("invitations/register/", invitations.InvitedAccountView.as_view(), name="invitation-register"),
    path("second-factor/policy/", second_factor.SecondFactorPolicyView.as_view(), name="second-factor-policy"),
    path("users/<int:user_id>/second-factor/", second_factor.UserFactorsView.as_view(), name="user-second-factor"),
    path("register/", invitations.RegisterView.as_view(), name="register"),
]
