"""Rendered charts of every values file: valid for each supported Kubernetes, and hardened."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import kubernetes_validate
import pytest
import yaml
from cryptography.fernet import Fernet
from kubernetes_validate import utils
from tests.chart.helm import CHART, ChartError, Document, documents, hooks, merge, render, renderer
from tests.chart.manifests import FOLDER, manifests
from tests.unit.operator.builders import plan
from tools.system_packages import MissingPackagesError

from cctv.config import Settings
from surveillance_backend.environment import Environment
from vigil_apps.evidence.core.keys import key_of
from vigil_apps.notifications.vapid import is_key
from vigil_operator.core.desired.deployment import build_deployment
from vigil_operator.core.specs import parse_class_spec
from vigil_operator.settings import OperatorSettings

VERSIONS = [f"1.{minor}" for minor in range(28, 37)]
VALUES: Mapping[str, dict[str, Any]] = {
    "none": {},
    **{path.name.removesuffix("-values.yaml"): yaml.safe_load(path.read_text()) for path in CHART.glob("ci/*.yaml")},
}
RECORDINGS = {"recordings": {"existingClaim": "vigil-media"}}
NOT_KUBERNETES_OWN = {"DetectorClass", "ServiceMonitor", "PodMonitor", "PrometheusRule", "HTTPRoute"}
"""Kinds without a schema in Kubernetes."""

WITH_A_TOKEN = {"Deployment/vigil-operator", "Job/vigil-uninstall"}
"""Pods that use the API server: the operator, and the job that removes its cameras. No others have a token."""


@pytest.fixture(scope="module", autouse=True)
def _can_render_here() -> None:
    try:
        renderer()
    except MissingPackagesError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def rendered() -> dict[str, list[Document]]:
    return {name: documents(render(values)) for name, values in VALUES.items()}


def test_watched_namespaces_get_rights_and_reach_the_backend() -> None:
    values = {
        "detectors": {"watchedNamespaces": {"team-b": "", "team-a": "anna"}},
        "networkPolicy": {"backendFrom": [{"podSelector": {}}]},
        "monitoring": {"enabled": True},
    }
    found = documents(render(values))
    spaces = ["vigil-cameras", "team-a", "team-b"]
    for kind in ("Role", "RoleBinding"):
        own = [each["metadata"] for each in found if each["kind"] == kind]
        assert [each["namespace"] for each in own if each["namespace"] not in {"vigil-system", "default"}] == spaces
    (operator,) = [spec for where, spec in pods(found) if where == "Deployment/vigil-operator"]
    variables = {each["name"]: each.get("value") for each in operator["containers"][0]["env"]}
    assert OperatorSettings(
        api_url="http://api", watched_namespaces=str(variables["VIGIL_WATCHED_NAMESPACES"])
    ).namespaces == tuple(spaces)
    (policy,) = [each for each in found if (each["kind"], name_of(each)) == ("NetworkPolicy", "vigil-backend")]
    selectors = [peer.get("namespaceSelector") for peer in policy["spec"]["ingress"][0]["from"]]
    chosen = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": spaces}
    assert {"matchExpressions": [chosen]} in selectors
    (monitor,) = [each for each in found if (each["kind"], name_of(each)) == ("PodMonitor", "vigil-detectors")]
    assert monitor["spec"]["namespaceSelector"]["matchNames"] == spaces


def test_network_policies_permit_the_ports_of_the_api_server() -> None:
    found = documents(render({"networkPolicy": {"apiServerPorts": [443, 16443]}}))
    policies = {name_of(each): each["spec"] for each in found if each["kind"] == "NetworkPolicy"}
    wanted = [{"protocol": "TCP", "port": 443}, {"protocol": "TCP", "port": 16443}]
    for job in ("operator", "uninstall"):
        assert wanted in [rule["ports"] for rule in policies[f"vigil-{job}"]["egress"]]
    with pytest.raises(ChartError, match=r"networkPolicy\.apiServerPorts"):
        render({"networkPolicy": {"apiServerPorts": ["https"]}})


@pytest.mark.parametrize("wrong", [{"Team": ""}, {"team-a": "a,b"}, {"team-a": "a=b"}, ["team-a"]])
def test_invalid_watched_namespaces_are_refused(wrong: Any) -> None:
    with pytest.raises(ChartError, match=r"detectors\.watchedNamespaces"):
        render({"detectors": {"watchedNamespaces": wrong}})


def name_of(document: Document) -> str:
    name: str = document["metadata"]["name"]
    return name


def test_there_are_values_for_production_air_gapped_and_edge() -> None:
    assert {"production", "air-gapped", "edge"} <= VALUES.keys()


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_valid_in_each_supported_kubernetes(
    rendered: dict[str, list[Document]], version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It would otherwise read the 1 MB schema again for each object.
    monkeypatch.setattr(utils, "schema_contents", cache(utils.schema_contents))
    # Each distinct object once, since the values files share most objects.
    different = {json.dumps(each, sort_keys=True): each for objects in rendered.values() for each in objects}
    for each in different.values():
        if each["kind"] not in {*NOT_KUBERNETES_OWN, "Secret"}:
            kubernetes_validate.validate(each, version, strict=True)


@pytest.mark.parametrize("name", VALUES)
def test_objects_are_unique(rendered: dict[str, list[Document]], name: str) -> None:
    keys = [(each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"]) for each in rendered[name]]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("name", VALUES)
def test_operator_accepts_the_detector_classes(rendered: dict[str, list[Document]], name: str) -> None:
    classes = {each["metadata"]["name"]: each for each in rendered[name] if each["kind"] == "DetectorClass"}
    for each in classes.values():
        spec = parse_class_spec(each["spec"])
        assert spec.fallback is None or spec.fallback.class_name in classes
    defaults = [each for each in classes.values() if each["metadata"].get("annotations")]
    assert len(defaults) == 1


@pytest.mark.parametrize("name", VALUES)
def test_every_pod_meets_pod_security_restricted(rendered: dict[str, list[Document]], name: str) -> None:
    for where, spec in pods(rendered[name]):
        security = spec["securityContext"]
        assert security["runAsNonRoot"] is True, where
        assert security["runAsUser"] > 0, where
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, where
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(), where
        assert all("hostPath" not in volume for volume in spec.get("volumes", [])), where
        for container in [*spec["containers"], *spec.get("initContainers", [])]:
            own = container["securityContext"]
            assert own == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, where
            assert container["resources"]["requests"].keys() >= {"cpu", "memory"}, where
            assert "memory" in container["resources"]["limits"], where
            assert "hostPort" not in str(container.get("ports", "")), where


@pytest.mark.parametrize("name", VALUES)
def test_only_the_operator_has_a_service_account_token(rendered: dict[str, list[Document]], name: str) -> None:
    for where, spec in pods(rendered[name]):
        assert spec["automountServiceAccountToken"] is (where in WITH_A_TOKEN), where


@pytest.mark.parametrize("name", VALUES)
def test_no_secret_is_an_argument_or_a_plain_variable(rendered: dict[str, list[Document]], name: str) -> None:
    secrets = {
        value
        for each in rendered[name]
        if each["kind"] == "Secret"
        for key, value in each["stringData"].items()
        if key != "redis.conf"
    }
    others = [json.dumps(each) for each in rendered[name] if each["kind"] != "Secret"]
    assert not [secret for secret in secrets for other in others if secret in other]


@pytest.mark.parametrize("name", VALUES)
def test_long_running_pods_have_probes_and_pinned_images(rendered: dict[str, list[Document]], name: str) -> None:
    for where, spec in pods(rendered[name]):
        for container in spec["containers"]:
            assert re.search(r":[^:/]+$", container["image"]), f"{where}: {container['image']}"
            assert not container["image"].endswith(":latest"), where
            if where.startswith(("Deployment", "StatefulSet")):
                assert "livenessProbe" in container, where
                # The worker receives no traffic, and must not make the API in the same pod unavailable.
                assert ("readinessProbe" in container) is (container["name"] != "worker"), where


@pytest.mark.parametrize("name", VALUES)
def test_selectors_match_only_their_own_pods(rendered: dict[str, list[Document]], name: str) -> None:
    labels = {where: found["metadata"]["labels"] for where, found in templates(rendered[name])}
    for each in rendered[name]:
        if each["kind"] == "Service":
            found = [where for where, has in labels.items() if each["spec"]["selector"].items() <= has.items()]
            assert len(found) == 1, (each["metadata"]["name"], found)


def test_roles_are_minimal_and_bound_only_to_the_operator(rendered: dict[str, list[Document]]) -> None:
    kinds = [each for each in rendered["none"] if each["kind"] in {"Role", "ClusterRole"}]
    for role in kinds:
        for rule in role["rules"]:
            assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
            if "secrets" in rule["resources"]:
                assert role["metadata"]["namespace"] == "vigil-cameras"
    bindings = [each for each in rendered["none"] if each["kind"].endswith("RoleBinding")] + [
        each for each in rendered["none"] if each["kind"] == "ClusterRoleBinding"
    ]
    subjects = {(each["name"], each["namespace"]) for binding in bindings for each in binding["subjects"]}
    assert subjects == {("vigil-operator", "vigil-system")}


@pytest.mark.parametrize("is_on", [False, True])
def test_operator_may_create_events_in_the_default_namespace_unless_switched_off(*, is_on: bool) -> None:
    found = documents(render({"operator": {"classEvents": is_on}}))
    there = [each for each in found if each["metadata"].get("namespace") == "default"]
    names = [(each["kind"], name_of(each)) for each in there]
    name = "vigil-operator-events.vigil-system"
    assert names == ([("Role", name), ("RoleBinding", name)] if is_on else [])
    if is_on:
        role, binding = there
        assert role["rules"] == [{"apiGroups": [""], "resources": ["events"], "verbs": ["create"]}]
        assert binding["roleRef"]["name"] == name
        assert binding["subjects"] == [
            {"kind": "ServiceAccount", "name": "vigil-operator", "namespace": "vigil-system"}
        ]


def test_generated_secrets_are_random_and_valid() -> None:
    first, second = secrets_of({}), secrets_of({})
    for name in ("vigil-backend", "vigil-operator", "vigil-postgresql", "vigil-redis"):
        assert all(first[name][key] != second[name][key] for key in first[name]), name
    Fernet(first["vigil-backend"]["credential-keys"])
    assert len(base64.urlsafe_b64decode(first["vigil-backend"]["credential-keys"])) == 32
    assert first["vigil-backend"]["operator-token"] == first["vigil-operator"]["token"]
    assert first["vigil-postgresql"]["password"] in first["vigil-postgresql"]["url"]


def test_operator_receives_only_the_bootstrapped_token() -> None:
    operator = {
        name for where, spec in pods(documents(render())) if "operator" in where for name in secret_names(spec)
    }
    assert operator == {"vigil-operator"}


def bootstrap_of(specs: Mapping[str, Any]) -> Any:
    (found,) = [spec for where, spec in specs.items() if where.startswith("Job/vigil-bootstrap-")]
    return found


def test_name_of_the_bootstrap_job_follows_its_content() -> None:
    def name(**values: Any) -> str:
        (found,) = names(hooks(documents(render(values)))[0], "Job")
        return found

    assert re.fullmatch("vigil-bootstrap-[0-9a-f]{8}", name())
    assert name() == name() == name(operator={"replicas": 1})
    assert len({name(), name(image={"tag": "2.0.0"}), name(backend={"env": {"VIGIL_RETENTION_DAYS": "9"}})}) == 3


def test_no_key_is_invented_without_a_cluster() -> None:
    with pytest.raises(ChartError, match="the Secret vigil-backend cannot be read without a cluster") as refused:
        render(has_cluster=False)
    own = {name: {"existingSecret": f"own-{name}"} for name in ("backend", "operator", "prober", "database", "redis")}
    found = documents(render(own, has_cluster=False))
    assert [each for each in found if each["kind"] == "Secret"] == []
    for name in own:
        assert f"{name}.existingSecret" in str(refused.value)
        with pytest.raises(ChartError):
            render({**own, name: {}}, has_cluster=False)


def test_upgrade_migrates_before_replacing_pods() -> None:
    installed, at_install = hooks(documents(render()))
    upgraded, at_upgrade = hooks(documents(render(upgrade=True)))
    assert len(names(installed, "Job")) == 1
    assert "pre-install" not in at_install
    assert "post-install" not in at_install, "`helm install --wait` would wait for ever"
    assert names(upgraded, "Job") == set()
    assert names(at_upgrade["pre-upgrade"], "Job") == {"vigil-bootstrap-upgrade"}
    assert names(at_install["pre-delete"], "Job") == {"vigil-uninstall"}
    assert names(at_install["test"], "Pod") == {"vigil-test"}


def test_quotas_become_settings_of_the_backend() -> None:
    values = {"backend": {"quotas": {"camerasPerUser": 3_000_000, "tokensPerUser": ""}}}
    backend = next(spec for where, spec in pods(documents(render(values))) if where == "Deployment/vigil-backend")
    variables = {each["name"]: each.get("value") for each in backend["containers"][0]["env"]}
    quotas = {name: value for name, value in variables.items() if name.startswith("VIGIL_MAX_")}
    assert quotas == {"VIGIL_MAX_CAMERAS_PER_USER": "3000000", "VIGIL_MAX_TOKENS_PER_USER": ""}
    for wrong in ({"camerasPerUser": 0}, {"cameras": 5}, {"camerasPerUser": "many"}):
        with pytest.raises(ChartError):
            render({"backend": {"quotas": wrong}})


def test_rules_and_dashboards_are_included_unchanged(tmp_path: Any) -> None:
    chart = tmp_path / "vigil"
    shutil.copytree(CHART, chart)
    annotations = {"summary": "{{ $labels.camera }} is off"}
    groups = [{"name": "g", "rules": [{"alert": "A", "expr": "up == 0", "annotations": annotations}]}]
    (chart / "rules").mkdir(exist_ok=True)
    (chart / "dashboards").mkdir(exist_ok=True)
    (chart / "rules" / "extra.yaml").write_text(yaml.safe_dump({"groups": groups}))
    (chart / "dashboards" / "extra.json").write_text('{"title": "{{camera}}"}')
    found = documents(render({"monitoring": {"enabled": True, "labels": {"release": "prom"}}}, chart=chart))
    (extra,) = [each for each in found if each["metadata"]["name"] == "vigil-extra"]
    assert extra["spec"]["groups"][0]["rules"][0]["annotations"]["summary"] == "{{ $labels.camera }} is off"
    assert extra["metadata"]["labels"]["release"] == "prom"
    (board,) = [each for each in found if each["metadata"]["name"] == "vigil-dashboard-extra"]
    assert json.loads(board["data"]["extra.json"]) == {"title": "{{camera}}"}
    assert board["metadata"]["labels"]["grafana_dashboard"] == "1"


def test_dashboards_and_rules_have_discovery_labels(rendered: dict[str, list[Document]]) -> None:
    production = rendered["production"]
    rules, boards = list(CHART.glob("rules/*.yaml")), list(CHART.glob("dashboards/*.json"))
    assert len([each for each in production if each["kind"] == "PrometheusRule"]) == len(rules)
    assert len([each for each in production if "grafana_dashboard" in each["metadata"]["labels"]]) == len(boards)


def test_release_name_and_namespace_are_configurable() -> None:
    found = documents(render(release="yard", namespace="cctv"))
    backend = [
        each for each in found if each["kind"] == "Service" and each["metadata"]["name"] == "yard-vigil-backend"
    ]
    assert backend[0]["metadata"]["namespace"] == "cctv"
    (operator,) = [spec for where, spec in pods(found) if where == "Deployment/yard-vigil-operator"]
    url = {each["name"]: each.get("value") for each in operator["containers"][0]["env"]}["VIGIL_API_URL"]
    assert url == "http://yard-vigil-backend.cctv.svc:8000"


@pytest.mark.parametrize(("name", "sends"), [("none", True), ("production", True), ("edge", False)])
def test_with_redis_a_worker_sends_the_notifications(
    rendered: dict[str, list[Document]], name: str, sends: bool
) -> None:
    (backend,) = [spec for where, spec in pods(rendered[name]) if where == "Deployment/vigil-backend"]
    web, *workers = backend["containers"]
    assert [each["command"] for each in workers] == [
        ["celery", "--app=surveillance_backend", "worker", "--beat"]
    ] * sends
    assert ("REDIS_URL" in {each["name"] for each in web["env"]}) is sends
    for worker in workers:
        assert [each for each in worker["env"] if each["name"] != "VIGIL_WORKER_METRICS_PORT"] == [
            each for each in web["env"] if each["name"] != "WEB_CONCURRENCY"
        ]
    monitored = names(rendered[name], "PodMonitor")
    assert ("vigil-worker" in monitored) is (bool(monitored) and sends)


def test_web_push_key_is_generated_or_optional() -> None:
    key = secrets_of({})["vigil-backend"]["vapid-key"]
    assert is_key(key)
    assert len(base64.urlsafe_b64decode(key + "=")) == 32
    (backend,) = [spec for where, spec in pods(documents(render())) if where == "Deployment/vigil-backend"]
    (given,) = [each for each in backend["containers"][0]["env"] if each["name"] == "VIGIL_VAPID_KEY"]
    assert given["valueFrom"]["secretKeyRef"] == {"name": "vigil-backend", "key": "vapid-key", "optional": True}


def test_evidence_key_is_generated_or_optional() -> None:
    assert key_of(secrets_of({})["vigil-backend"]["evidence-key"].encode()) is not None
    (backend,) = [spec for where, spec in pods(documents(render())) if where == "Deployment/vigil-backend"]
    for container in backend["containers"]:
        (given,) = [each for each in container["env"] if each["name"] == "VIGIL_EVIDENCE_KEY"]
        chosen = {"name": "vigil-backend", "key": "evidence-key", "optional": True}
        assert given["valueFrom"]["secretKeyRef"] == chosen


def test_bucket_replaces_the_volume_with_keys_in_a_secret() -> None:
    bucket = {"bucket": "vigil", "endpoint": "https://s3.example:9000", "existingSecret": "keys"}
    found = documents(render({"media": {"s3": bucket}}))
    (backend,) = [
        each for each in found if each["kind"] == "Deployment" and each["metadata"]["name"].endswith("backend")
    ]
    assert "vigil-media" not in names(found, "PersistentVolumeClaim")
    assert backend["spec"]["strategy"]["type"] == "RollingUpdate"
    spec = backend["spec"]["template"]["spec"]
    for container in spec["containers"]:
        given = {each["name"]: each for each in container["env"]}
        assert given["VIGIL_S3_BUCKET"]["value"] == "vigil"
        assert given["VIGIL_S3_ENDPOINT_URL"]["value"] == "https://s3.example:9000"
        key = {"name": "keys", "key": "secret-access-key"}
        assert given["VIGIL_S3_SECRET_ACCESS_KEY"]["valueFrom"]["secretKeyRef"] == key
    settings = {each["name"] for each in spec["containers"][0]["env"] if each["name"].startswith("VIGIL_S3_")}
    assert settings <= {f"VIGIL_{name.upper()}" for name in Environment.model_fields}
    assert "VIGIL_S3_BUCKET" not in variables(
        next(spec for where, spec in pods(documents(render())) if "backend" in where)
    )


def test_detectors_write_recordings_to_the_claim_beside_the_volumes_of_a_class() -> None:
    own = {"name": "cache", "emptyDir": {"sizeLimit": "1Gi"}}
    template = {
        "spec": {
            "volumes": [own],
            "containers": [{"name": "detector", "volumeMounts": [{"name": "cache", "mountPath": "/cache"}]}],
        }
    }
    elsewhere = [{"name": "VIGIL_RECORDING_DIR", "value": "/elsewhere"}]
    values = {
        "media": {"persistence": {"accessMode": "ReadWriteMany"}},
        "inference": {"enabled": True},
        "detectors": {
            **RECORDINGS,
            "classes": {
                "gpu": {"sharedInference": True},
                "cpu": {"spec": {"podTemplate": template, "env": [{"name": "VIGIL_LOG_LEVEL", "value": "debug"}]}},
                "own": {"spec": {"runtime": "openvino", "env": elsewhere}},
            },
        },
    }
    classes = {
        each["metadata"]["name"]: each["spec"]
        for each in documents(render(values))
        if each["kind"] == "DetectorClass"
    }
    for name in ("gpu", "gpu-shared", "cpu"):
        spec = classes[name]
        assert {"name": "VIGIL_RECORDING_DIR", "value": "/recordings"} in spec["env"]
        volume = {"name": "recordings", "persistentVolumeClaim": {"claimName": "vigil-media"}}
        pod = spec["podTemplate"]["spec"]
        assert volume in pod["volumes"]
        assert {"name": "recordings", "mountPath": "/recordings"} in pod["containers"][0]["volumeMounts"]
        parse_class_spec(spec)
    assert classes["cpu"]["podTemplate"]["spec"]["volumes"][0] == own
    assert len(classes["cpu"]["env"]) == len(classes["cpu"]["podTemplate"]["spec"]["volumes"]) == 2
    assert classes["own"] == {**classes["own"], "env": elsewhere}
    assert "podTemplate" not in classes["own"]


def test_the_recordings_volume_of_the_documentation_reaches_the_detector() -> None:
    page = (CHART.parents[1] / "docs" / "kubernetes.md").read_text()
    section = page.partition("### Recordings on a volume\n")[2].partition("\n### ")[0]
    found = documents(render(yaml.safe_load(section.partition("# values.yaml\n")[2].partition("```")[0])))
    (given,) = (one["spec"] for one in found if one["metadata"]["name"] == "cpu" and one["kind"] == "DetectorClass")
    pod = build_deployment(plan(**given))["spec"]["template"]["spec"]
    assert {"name": "recordings", "persistentVolumeClaim": {"claimName": "vigil-media"}} in pod["volumes"]
    (detector,) = pod["containers"]
    (mount,) = (one for one in detector["volumeMounts"] if one["name"] == "recordings")
    assert {"name": "VIGIL_RECORDING_DIR", "value": mount["mountPath"]} in detector["env"]
    assert not mount.get("readOnly")


def test_prober_has_a_bootstrapped_token_and_restricted_network() -> None:
    found = documents(render({"prober": {"networks": ["10.20.0.0/16"]}}))
    specs = dict(pods(found))
    prober, bootstrap = specs["Deployment/vigil-prober"], bootstrap_of(specs)
    assert prober["containers"][0]["args"] == ["--prober"]
    assert variables(prober)["VIGIL_STREAM_ALLOWED_NETWORKS"] == "10.20.0.0/16"
    assert variables(prober).keys() <= {f"VIGIL_{name.upper()}" for name in Settings.model_fields}
    file = variables(prober)["VIGIL_TOKEN_FILE"]
    assert f"--token=prober:prober:{file}" in bootstrap["containers"][0]["args"]
    assert secret_names(prober) == {"vigil-prober"} < secret_names(bootstrap)
    (policy,) = [
        each for each in found if each["kind"] == "NetworkPolicy" and each["metadata"]["name"] == "vigil-prober"
    ]
    assert policy["spec"]["egress"][-1] == {"to": [{"ipBlock": {"cidr": "10.20.0.0/16"}}]}
    assert "Deployment/vigil-prober" not in dict(pods(documents(render({"prober": {"enabled": False}}))))


def test_pgbouncer_configures_the_backend_for_pooling() -> None:
    (production,) = [spec for where, spec in pods(documents(render(VALUES["production"]))) if "backend" in where]
    assert variables(production)["VIGIL_DATABASE_IS_POOLED"] == "1"


def test_tls_makes_cookies_secure_and_trusts_the_proxy() -> None:
    (production,) = [spec for where, spec in pods(documents(render(VALUES["production"]))) if "backend" in where]
    (plain,) = [spec for where, spec in pods(documents(render())) if where == "Deployment/vigil-backend"]
    assert "VIGIL_INSECURE_HTTP" not in variables(production)
    assert variables(production)["VIGIL_BEHIND_TLS_PROXY"] == "1"
    assert variables(production)["VIGIL_PUBLIC_URL"] == "https://vigil.example.com"
    assert variables(production)["VIGIL_ALLOWED_HOSTS"].endswith(",vigil.example.com")
    assert variables(plain)["VIGIL_INSECURE_HTTP"] == "1"


TLS = {"enabled": True, "host": "a.example", "tlsSecret": "tls"}
GATEWAY = {"enabled": True, "host": "a.example", "parentRefs": [{"name": "internal"}]}


def published(values: dict[str, Any]) -> dict[str, str]:
    """Return the paths of an Ingress or HTTPRoute, and how each is matched."""
    objects = {each["kind"]: each.get("spec", {}) for each in documents(render(values))}
    if "Ingress" in objects:
        return {each["path"]: each["pathType"] for each in objects["Ingress"]["rules"][0]["http"]["paths"]}
    paths = [match["path"] for match in objects["HTTPRoute"]["rules"][0]["matches"]]
    return {each["value"]: each["type"].removeprefix("Path") for each in paths}


@pytest.mark.parametrize("values", [{"ingress": TLS}, {"gateway": GATEWAY}], ids=["ingress", "gateway"])
def test_ingress_publishes_pages_but_not_metrics(values: dict[str, Any]) -> None:
    source = (CHART.parents[1] / "backend/surveillance_backend/urls.py").read_text()
    first_parts = set(re.findall(r'path\("([^/"]*)', source)) | {"static", "admin"}
    paths = published(values)
    assert {path.strip("/") for path in paths} == first_parts - {"metrics", "readyz"}
    assert paths["/"] == "Exact", "as a prefix it would publish everything"
    custom = published(merge(values, {"backend": {"env": {"VIGIL_ADMIN_PATH": "control/room/"}}}))
    assert custom["/control/room"] == "Prefix"
    assert "/admin" not in custom


def test_no_proxy_is_trusted_by_default() -> None:
    for values in ({"ingress": TLS}, {"gateway": GATEWAY}):
        (backend,) = [spec for where, spec in pods(documents(render(values))) if where == "Deployment/vigil-backend"]
        assert variables(backend)["FORWARDED_ALLOW_IPS"] == "127.0.0.1"
        assert "backend.trustedProxies is empty" in render(values)["templates/NOTES.txt"]
    named = {"ingress": TLS, "backend": {"trustedProxies": "10.30.0.10, fd00::/64"}}
    (backend,) = [spec for where, spec in pods(documents(render(named))) if where == "Deployment/vigil-backend"]
    assert variables(backend)["FORWARDED_ALLOW_IPS"] == "10.30.0.10, fd00::/64"
    assert "backend.trustedProxies is empty" not in render(named)["templates/NOTES.txt"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"backend": {"replicas": 0}}, "backend.replicas"),
        ({"backend": {"trustedProxies": "*"}}, "backend.trustedProxies"),
        ({"backend": {"trustedProxies": "10.0.0.1,0.0.0.0/0"}}, "backend.trustedProxies"),
        ({"backnd": {}}, "backnd"),
        ({"image": {"pullPolicy": "Sometimes"}}, "image.pullPolicy"),
        ({"media": {"persistence": {"size": "lots"}}}, "media.persistence.size"),
        ({"ingress": {"enabled": True}}, "ingress.host: must be the name"),
        ({"ingress": {"enabled": True, "host": "a.example"}}, "ingress.tlsSecret: must name a Secret"),
        ({"gateway": {"enabled": True, "host": "a.example"}}, "gateway.parentRefs: must name the Gateway"),
        ({"backend": {"existingSecret": "mine"}}, "operator.existingSecret: must be set"),
        ({"prober": {"networks": ["10.0.0.1"]}}, "prober.networks.0"),
        ({"media": {"s3": {"endpoint": "https://key:secret@s3.example"}}}, "media.s3.endpoint"),
        ({"media": {"s3": {"addressingStyle": "dns"}}}, "media.s3.addressingStyle"),
        ({"pgbouncer": {"enabled": True}}, "pgbouncer.existingSecret: must name a Secret"),
        ({"detectors": {"recordings": {"existingClaim": "My Claim"}}}, "detectors.recordings.existingClaim"),
        ({"detectors": RECORDINGS}, "detectors.recordings.existingClaim: needs media.persistence"),
        (
            {"detectors": RECORDINGS, "media": {"s3": {"bucket": "vigil"}}},
            "detectors.recordings.existingClaim: must be empty where media.s3.bucket is set",
        ),
    ],
)
def test_invalid_values_are_rejected_by_name(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ChartError, match=re.escape(words)):
        render(values)


def test_schema_covers_every_value() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert values.keys() == schema["properties"].keys() - {"global"}
    for name, given in values.items():
        assert set(given) == set(schema["properties"][name].get("properties", given)), name


def test_notes_show_the_next_three_commands() -> None:
    notes = render()["templates/NOTES.txt"]
    for command in ("rollout status deployment/vigil-backend", "get secret vigil-backend", "port-forward"):
        assert command in notes
    assert "No node offers nvidia.com/gpu" in notes
    assert "https://vigil.example.com/dashboard/" in render(VALUES["production"])["templates/NOTES.txt"]


def test_plain_manifests_equal_the_charts() -> None:
    for path, text in manifests().items():
        assert (FOLDER / path).read_text() == text, f"manifests/{path} differs: run `make manifests`"


def test_values_are_merged_as_by_helm() -> None:
    assert merge({"a": {"b": 1, "c": 2}, "d": [1]}, {"a": {"b": None, "e": 3}, "d": [2]}) == {
        "a": {"c": 2, "e": 3},
        "d": [2],
    }


def templates(objects: list[Document]) -> Iterator[tuple[str, Document]]:
    for each in objects:
        where = f"{each['kind']}/{each['metadata']['name']}"
        if each["kind"] == "Pod":
            yield where, each
        elif each["kind"] in {"Deployment", "StatefulSet", "Job"}:
            yield where, each["spec"]["template"]


def pods(objects: list[Document]) -> Iterator[tuple[str, Document]]:
    return ((where, found["spec"]) for where, found in templates(objects))


def names(objects: list[Document], kind: str) -> set[str]:
    return {each["metadata"]["name"] for each in objects if each["kind"] == kind}


def variables(spec: Document) -> dict[str, Any]:
    return {each["name"]: each.get("value") for each in spec["containers"][0]["env"]}


def secret_names(spec: Document) -> set[str]:
    volumes = {each["secret"]["secretName"] for each in spec["volumes"] if "secret" in each}
    return volumes | {
        each["valueFrom"]["secretKeyRef"]["name"]
        for each in spec["containers"][0]["env"]
        if "secretKeyRef" in each.get("valueFrom", {})
    }


def secrets_of(values: dict[str, Any]) -> dict[str, dict[str, str]]:
    found = documents(render(values))
    return {each["metadata"]["name"]: each["stringData"] for each in found if each["kind"] == "Secret"}
