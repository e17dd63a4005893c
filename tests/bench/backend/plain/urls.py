"""The only endpoint."""

from rest_framework import serializers, viewsets
from rest_framework.routers import DefaultRouter
from tests.bench.backend.plain.models import Alert


class AlertSerializer(serializers.ModelSerializer[Alert]):
    """All fields."""

    class Meta:
        model = Alert
        fields = "__all__"


class AlertViewSet(viewsets.ModelViewSet[Alert]):
    """All methods."""

    queryset = Alert.objects.order_by("-id")  # type: ignore[attr-defined] # of no project that mypy knows
    serializer_class = AlertSerializer


router = DefaultRouter()
router.register("alerts", AlertViewSet)
urlpatterns = router.urls
