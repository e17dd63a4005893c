#!/usr/bin/env bash
# drf-spectacular 0.30.0 (Django REST framework 3.18.3): the schema has no bounds for a nested list serializer.
#
# REST framework enforces `max_length` and `min_length` of a nested `Serializer(many=True, …)` and of the equivalent
# `ListSerializer(child=Serializer(), …)`: a longer list is refused. The schema of both is an array without `maxItems` and
# `minItems`, so generated clients and fuzzers send lists that the API refuses. `ListField(child=Serializer(), …)`, which
# validates in the same way, has both bounds in its schema.
#
# Seen: enforced: True True True; in the schema: {'many': (None, None), 'list': (None, None), 'field': (1, 2)}
# Exits non-zero if one of them changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet django==5.2.19 djangorestframework==3.18.3 drf-spectacular==0.30.0
"$folder/venv/bin/python" - <<'PYTHON'
import django
from django.conf import settings

settings.configure(
    ROOT_URLCONF="__main__",
    INSTALLED_APPS=["rest_framework", "drf_spectacular"],
    REST_FRAMEWORK={"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema", "DEFAULT_AUTHENTICATION_CLASSES": [],
                    "DEFAULT_PERMISSION_CLASSES": [], "UNAUTHENTICATED_USER": None},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
)
django.setup()

from django.urls import path
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.views import APIView

BOUNDS = {"min_length": 1, "max_length": 2}


class Item(serializers.Serializer):
    name = serializers.CharField()


class Lists(serializers.Serializer):
    many = Item(many=True, **BOUNDS)
    list = serializers.ListSerializer(child=Item(), **BOUNDS)
    field = serializers.ListField(child=Item(), **BOUNDS)


class View(APIView):
    @extend_schema(request=Lists, responses=None)
    def post(self, request):
        """Do nothing."""


urlpatterns = [path("lists/", View.as_view())]
good = {name: [{"name": "a"}] for name in ("many", "list", "field")}
assert Lists(data=good).is_valid()
enforced = [
    all(not Lists(data={**good, name: [{"name": "a"}] * count}).is_valid() for count in (0, 3)) for name in good
]
schema = SchemaGenerator().get_schema(request=None, public=True)["components"]["schemas"]
lists = next(one for name, one in schema.items() if name.startswith("Lists"))["properties"]
bounds = {name: (lists[name].get("minItems"), lists[name].get("maxItems")) for name in good}
print("enforced:", *enforced, "; in the schema:", bounds)
raise SystemExit(not (all(enforced) and bounds == {"many": (None, None), "list": (None, None), "field": (1, 2)}))
PYTHON
