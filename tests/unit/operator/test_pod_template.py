"""Additions to the pods of a class: what is merged, and what is protected."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from tests.unit.operator.builders import plan
from tests.unit.operator.test_cel import ROOTS, detector_class, operator_takes, server_takes

from vigil_operator.core.compare import covers
from vigil_operator.core.desired.deployment import build_deployment
from vigil_operator.core.desired.strategic_merge import strategic_merge
from vigil_operator.core.pod_template import OWN_DIRECTORIES, OWN_VOLUMES
from vigil_operator.core.specs import InvalidSpecError, parse_class_spec

Document = dict[str, Any]
TEMPLATE: Document = {
    "metadata": {"labels": {"kueue.x-k8s.io/queue-name": "cameras"}, "annotations": {"example.com/cost": "low"}},
    "spec": {
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}},
        "hostUsers": False,
        "schedulerName": "bin-packing",
        "volumes": [
            {"name": "models", "persistentVolumeClaim": {"claimName": "models", "readOnly": True}},
            {"name": "weights", "image": {"reference": "registry.example/weights:1"}},
            {"name": "cache", "emptyDir": {"sizeLimit": "1024Mi"}},
        ],
        "resourceClaims": [{"name": "shared", "resourceClaimName": "one-gpu"}],
        "resources": {"requests": {"cpu": "0.5"}, "limits": {"memory": "2048Mi"}},
        "containers": [
            {
                "name": "detector",
                "volumeMounts": [{"name": "models", "mountPath": "/models", "readOnly": True}],
                "resources": {"claims": [{"name": "shared", "request": "slice"}]},
            }
        ],
    },
}


def template_of(pod_template: Document, **spec: Any) -> Document:
    """Return the pod template of a class with these additions."""
    found: Document = build_deployment(plan(runtime="openvino", podTemplate=pod_template, **spec))["spec"]["template"]
    return found


def spec_with(**spec: Any) -> Document:
    return detector_class(podTemplate={"spec": spec})


def container_with(**container: Any) -> Document:
    return spec_with(containers=[{"name": "detector", **container}])


def mounted_at(path: str) -> Document:
    return container_with(volumeMounts=[{"name": "models", "mountPath": path}])


def test_additions_are_merged_and_the_rest_stays() -> None:
    before, after = template_of({}), template_of(TEMPLATE)
    assert covers(after, before), "nothing of the operator's own is lost"
    spec = after["spec"]
    assert after["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "cameras"
    assert (spec["hostUsers"], spec["schedulerName"]) == (False, "bin-packing")
    assert [volume["name"] for volume in spec["volumes"][-3:]] == ["models", "weights", "cache"]
    assert spec["volumes"][-1]["emptyDir"] == {"sizeLimit": "1Gi"}
    assert spec["resources"] == {"requests": {"cpu": "500m"}, "limits": {"memory": "2Gi"}}
    assert spec["resourceClaims"] == [{"name": "shared", "resourceClaimName": "one-gpu"}]
    (container,) = spec["containers"]
    assert container["volumeMounts"][-1] == {"name": "models", "mountPath": "/models", "readOnly": True}
    assert container["resources"]["claims"] == [{"name": "shared", "request": "slice"}]
    assert container["resources"]["requests"] == before["spec"]["containers"][0]["resources"]["requests"]


def test_without_additions_the_template_is_unchanged() -> None:
    """An upgrade of the operator must not restart detectors."""
    assert template_of({}) == template_of({"metadata": {}, "spec": {}})
    assert template_of({"spec": {"volumes": [], "affinity": {}}}) == template_of({})


def test_claims_of_the_class_and_of_the_template_are_both_used() -> None:
    found = template_of(TEMPLATE, gpu={"resourceClaimTemplateName": "decoder"})["spec"]
    assert [claim["name"] for claim in found["resourceClaims"]] == ["gpu", "shared"]
    assert [claim["name"] for claim in found["containers"][0]["resources"]["claims"]] == ["gpu", "shared"]


def test_merge_changes_neither_side() -> None:
    base = {"containers": [{"name": "a", "args": ["x"], "env": [{"name": "n"}]}], "labels": {"a": "1"}, "list": [1]}
    overlay = {"containers": [{"name": "a", "args": ["y"]}, {"name": "b"}], "labels": {"b": "2"}, "list": [2]}
    kept = copy.deepcopy((base, overlay))
    assert strategic_merge(base, overlay) == {
        "containers": [{"name": "a", "args": ["y"], "env": [{"name": "n"}]}, {"name": "b"}],
        "labels": {"a": "1", "b": "2"},
        "list": [2],
    }
    assert (base, overlay) == kept


@pytest.mark.parametrize(
    ("value", "right"),
    [
        (detector_class(podTemplate=TEMPLATE), True),
        (detector_class(podTemplate={}), True),
        (detector_class(podTemplate={"metadata": {"labels": {"notvigil.dev/x": "x"}}}), True),
        *((spec_with(volumes=[{"name": name, "emptyDir": {"sizeLimit": "1Mi"}}]), False) for name in OWN_VOLUMES),
        (spec_with(volumes=[{"name": "a"}]), False),
        (spec_with(volumes=[{"name": "a", "configMap": {"name": "b"}, "emptyDir": {"sizeLimit": 1}}]), False),
        (spec_with(volumes=[{"name": "a", "configMap": {"name": "b"}}]), True),
        (spec_with(resourceClaims=[{"name": "gpu", "resourceClaimName": "a"}]), False),
        (spec_with(resourceClaims=[{"name": "a"}]), False),
        (
            spec_with(resourceClaims=[{"name": "a", "resourceClaimName": "a", "resourceClaimTemplateName": "b"}]),
            False,
        ),
        *((mounted_at(path), False) for path in OWN_DIRECTORIES),
        *((mounted_at(f"{path}/below"), False) for path in OWN_DIRECTORIES),
        *((mounted_at(path), False) for path in ("/", "/var", "/var/", "/run", "/var/lib/vigil", "/tmp/")),
        *((mounted_at(path), False) for path in ("/a/../tmp", "/./tmp", "//tmp", "/a//b", "/a/.", "/..")),
        *((mounted_at(path), True) for path in ("/models", "/models/", "/opt/vigil/models", "/var/models", "/a/.b")),
        *((mounted_at(path), True) for path in ("/tmpx", "/devices", "/var/lib/vigil/models", "/a/..b")),
    ],
)
def test_server_and_operator_reject_the_same(value: Document, right: bool) -> None:
    assert (server_takes("DetectorClass", value), operator_takes("DetectorClass", value)) == (right, right)


@pytest.mark.parametrize("key", ["vigil.dev/camera", "sub.vigil.dev/x", "app.kubernetes.io/name"])
@pytest.mark.parametrize("part", ["labels", "annotations"])
def test_keys_of_the_operator_are_refused(part: str, key: str) -> None:
    assert not operator_takes("DetectorClass", detector_class(podTemplate={"metadata": {part: {key: "x"}}}))


@pytest.mark.parametrize(
    ("template", "words"),
    [
        (
            {"metadata": {"labels": {"vigil.dev/camera": "x"}}},
            "spec.podTemplate.metadata.labels: the operator itself sets the keys of vigil.dev; use others",
        ),
        (
            {"spec": {"containers": [{"name": "sidecar"}]}},
            "spec.podTemplate.spec.containers[0].name: input should be 'detector'",
        ),
        ({"spec": {"hostUsers": True}}, "spec.podTemplate.spec.hostUsers: input should be False"),
        (
            {"spec": {"containers": [{"name": "detector", "volumeMounts": [{"name": "a", "mountPath": "/tmp/a"}]}]}},
            "spec.podTemplate.spec.containers[0].volumeMounts[0].mountPath: must not cover /tmp or lie in it",
        ),
    ],
)
def test_refusal_names_the_field(template: Document, words: str) -> None:
    with pytest.raises(InvalidSpecError) as refused:
        parse_class_spec({"runtime": "openvino", "podTemplate": template})
    assert str(refused.value) == words


PROTECTED = (
    *("hostNetwork", "hostPID", "hostIPC", "serviceAccountName", "automountServiceAccountToken", "securityContext"),
    *("initContainers", "ephemeralContainers", "shareProcessNamespace", "nodeName", "restartPolicy"),
)


def test_fields_that_isolate_the_detector_cannot_be_set() -> None:
    """The definition does not have them, so `kubectl apply` refuses them, and the operator ignores them."""
    root = ROOTS["DetectorClass"]["properties"]["spec"]["properties"]["podTemplate"]["properties"]["spec"]
    allowed = root["properties"]
    assert allowed.keys().isdisjoint(PROTECTED)
    assert allowed["containers"]["items"]["properties"].keys() == {"name", "volumeMounts", "resources"}
    assert allowed["volumes"]["items"]["properties"].keys() == {
        *("name", "persistentVolumeClaim", "image", "configMap", "emptyDir"),
    }
    forbidden: Document = dict.fromkeys(PROTECTED, True)
    assert template_of({"spec": forbidden}) == template_of({})
    hidden = {"securityContext": {"privileged": True}, "command": ["sh"], "env": [{"name": "VIGIL_TOKEN"}]}
    assert template_of({"spec": {"containers": [{"name": "detector", **hidden}]}}) == template_of({})
