"""The kubectl commands and the YAML of the pages, run against a real API server."""

import base64
import os
import sys
from pathlib import Path

import pytest
import yaml
from tests.cluster.binaries import Binaries
from tests.cluster.control_plane import ControlPlane
from tests.integration.docs.blocks import ROOT, all_blocks, block, runs
from tests.integration.operator.running import install_definitions
from tests.integration.services.backend import backend_server
from tests.scheduling import CLUSTER_GROUP

pytestmark = pytest.mark.xdist_group(CLUSTER_GROUP)
NAMESPACE = "vigil-system"
SECRETS = "production.md/1. Secrets"


@runs(
    *(f"{SECRETS}/{count}" for count in (1, 2, 3)),
    "s3.md/2. The settings/2",
    "kubernetes.md/Install/4",
)
@pytest.mark.timeout(240)
def test_kubectl_commands_create_the_charts_secrets(
    cluster: ControlPlane, kubernetes_binaries: Binaries, tmp_path: Path
) -> None:
    programs = f"{kubernetes_binaries.folder}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {"KUBECONFIG": str(cluster.kubeconfig), "PATH": programs}
    for name in ("database-url", "redis-url", "pgbouncer.ini", "userlist.txt", "access-key-id", "secret-access-key"):
        (tmp_path / name).write_text(f"text of {name}")
    for count in (1, 2, 3):
        block(f"{SECRETS}/{count}").run(cwd=tmp_path, environment=environment)
    made = cluster.kubectl_json("-n", NAMESPACE, "get", "secrets")["items"]
    keys = {each["metadata"]["name"]: set(each["data"]) for each in made}
    assert keys["vigil-keys"] == {"secret-key", "credential-keys", "operator-token", "admin-password"}
    assert keys["vigil-operator-token"] == keys["vigil-prober-token"] == {"token"}
    assert keys["vigil-database"] == keys["vigil-redis"] == {"url"}
    assert keys["vigil-pgbouncer"] == {"pgbouncer.ini", "userlist.txt"}
    assert keys["vigil-s3"] == {"access-key-id", "secret-access-key"}

    cluster.kubectl("-n", NAMESPACE, "delete", "secret", "vigil-s3")
    block("s3.md/2. The settings/2").run(cwd=tmp_path, environment=environment)
    cluster.kubectl("-n", NAMESPACE, "get", "secret", "vigil-s3")

    with backend_server(tmp_path / "backend") as backend:
        backend.create_user("admin")
        (tmp_path / "backend" / "manage.py").symlink_to(ROOT / "backend" / "manage.py")
        own = {key: value for key, value in backend.environment.items() if key.startswith(("VIGIL_", "DJANGO_"))}
        block("kubernetes.md/Install/4").run(cwd=tmp_path, environment={**own, **environment})
    secret = cluster.kubectl_json("-n", NAMESPACE, "get", "secret", "vigil-operator")
    assert len(base64.b64decode(secret["data"]["token"]).strip()) >= 40
    assert not (tmp_path / "token").exists()


def test_api_server_accepts_the_objects_of_the_pages(cluster: ControlPlane) -> None:
    """A server before 1.25 ignores CEL rules, which `yaml_checks` evaluates."""
    install_definitions(cluster)
    texts = [each.text for each in all_blocks().values() if not each.is_shell and not each.mark]
    objects = [found for text in texts for found in yaml.safe_load_all(text) if "apiVersion" in (found or ())]
    if cluster.version < (1, 34):
        objects = [found for found in objects if not found["apiVersion"].startswith("resource.k8s.io/")]
    assert len(objects) >= 7
    for found in objects:
        found["metadata"].pop("namespace", None)  # the pages' namespaces do not exist here; the schemas are the same
    text = yaml.safe_dump_all(objects)
    answer = cluster.kubectl("apply", "--dry-run=server", "--filename=-", stdin=text, check=False)
    assert answer.count("(server dry run)") == len(objects), answer
