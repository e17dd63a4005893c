"""The operator reports fields that the installed definitions lack."""

from __future__ import annotations

import asyncio
import copy
import json
import logging
from typing import Any

import pytest
from tests.unit.operator.kube_server import MemoryTransport
from tests.unit.operator.test_crds import schema

from vigil_operator.core.schema_check import OPENAPI_PATH, missing_fields
from vigil_operator.kube.client import KubeClient
from vigil_operator.kube.definitions import DefinitionCheck
from vigil_operator.metrics import Metrics

Document = dict[str, Any]


def openapi() -> Document:
    """The API server's description of the definitions in the repository."""
    schemas = {
        "Camera": schema("cameras"),
        "CameraPolicy": schema("camerapolicies"),
        "DetectorClass": schema("detectorclasses"),
    }
    return copy.deepcopy(
        {"components": {"schemas": {f"dev.vigil.v1alpha1.{kind}": found for kind, found in schemas.items()}}}
    )


def spec_of(document: Document, kind: str) -> Document:
    found: Document = document["components"]["schemas"][f"dev.vigil.v1alpha1.{kind}"]["properties"]["spec"]
    return found["properties"]  # type: ignore[no-any-return]


def test_definitions_of_this_version_are_complete() -> None:
    assert missing_fields(openapi()) == {"Camera": [], "CameraPolicy": [], "DetectorClass": []}


def test_missing_fields_are_named_at_every_depth() -> None:
    older = openapi()
    camera, detector_class = spec_of(older, "Camera"), spec_of(older, "DetectorClass")
    del camera["detection"]["properties"]["streamPath"]
    del camera["detection"]["properties"]["rules"]["items"]["properties"]["cooldownSeconds"]
    del detector_class["fallback"]
    del detector_class["env"]["items"]["properties"]["valueFrom"]["properties"]["configMapKeyRef"]
    assert missing_fields(older) == {
        "Camera": ["spec.detection.rules[].cooldownSeconds", "spec.detection.streamPath"],
        "CameraPolicy": [],
        "DetectorClass": ["spec.env[].valueFrom.configMapKeyRef", "spec.fallback"],
    }


def test_definition_of_before_rollouts_is_named() -> None:
    older = openapi()
    rollout = spec_of(older, "DetectorClass")["rollout"]
    del rollout["properties"]["thresholds"]["properties"]["minEvents"]
    assert missing_fields(older)["DetectorClass"] == ["spec.rollout.thresholds.minEvents"]
    del spec_of(older, "DetectorClass")["rollout"]
    assert missing_fields(older)["DetectorClass"] == ["spec.rollout"]


def test_server_without_a_schema_is_not_judged() -> None:
    assert missing_fields({}) == {}
    assert missing_fields({"components": {"schemas": {}}}) == {}
    kept = openapi()
    kept["components"]["schemas"]["dev.vigil.v1alpha1.Camera"]["properties"]["spec"] = {
        "x-kubernetes-preserve-unknown-fields": True
    }
    assert missing_fields(kept)["Camera"] == []


def test_what_is_missing_is_logged_once_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    class Server(MemoryTransport):
        document: Document

        async def request(self, method: str, path: str, content_type: str, body: Any) -> Any:
            assert (method, path) == ("GET", OPENAPI_PATH)
            return 200, {}, json.dumps(self.document).encode()

    server, metrics = Server(), Metrics()
    check = DefinitionCheck(kube=KubeClient(server), metrics=metrics)

    def messages() -> list[str]:
        caplog.clear()
        asyncio.run(check.check_once())
        return [record.getMessage() for record in caplog.records]

    caplog.set_level(logging.INFO)
    server.document = openapi()
    del spec_of(server.document, "Camera")["active"]
    assert messages() == [
        "the installed definition of Camera lacks spec.active: the API server drops these fields; "
        "upgrade the chart vigil-crds, or run kubectl apply -f manifests/crds/"
    ]
    assert metrics.registry.get_sample_value("vigil_definition_fields_missing", {"kind": "Camera"}) == 1
    assert messages() == []
    server.document = openapi()
    assert messages() == ["the installed definition of Camera is complete again"]
    assert metrics.registry.get_sample_value("vigil_definition_fields_missing", {"kind": "Camera"}) == 0


def test_server_without_openapi_3_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    server = MemoryTransport()
    caplog.set_level(logging.INFO)
    asyncio.run(DefinitionCheck(kube=KubeClient(server), metrics=Metrics()).check_once())
    assert [record.levelname for record in caplog.records] == ["INFO"]
