"""A kopf operator written the usual way, for comparison: one create handler per camera that calls a blocking client.

It does less than Vigil's: no status, no token, no policy. A thread requests the cameras from the API every two
seconds.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from typing import Any

import httpx
import kopf
import kubernetes

NAMESPACE = os.environ["VIGIL_NAMESPACE"]
GROUP = ("vigil.dev", "v1alpha1", NAMESPACE, "cameras")


@kopf.on.create("vigil.dev", "v1alpha1", "cameras")
def create(*, name: str, namespace: str | None, body: kopf.Body, **_: Any) -> None:
    """Create the Deployment."""
    labels = {"app": name}
    container = {"name": "detector", "image": "vigil-detector:1", "resources": {"limits": {"nvidia.com/gpu": "1"}}}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"{name}-detector", "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }
    kopf.adopt(deployment, owner=body)
    with suppress(kubernetes.client.ApiException):
        _client("plain").create_namespaced_deployment(namespace, deployment)


def _client(agent: str) -> Any:
    api = kubernetes.client.ApiClient()
    api.user_agent = agent
    return kubernetes.client.AppsV1Api(api)


def _sync() -> None:
    custom = kubernetes.client.CustomObjectsApi()
    headers = {"Authorization": f"Token {os.environ['VIGIL_TOKEN']}"}
    while True:
        answer = httpx.get(f"{os.environ['VIGIL_API_URL']}/api/active-cameras/", headers=headers, timeout=60)
        known = {item["metadata"]["name"] for item in custom.list_namespaced_custom_object(*GROUP)["items"]}
        for camera in answer.json():
            name = f"cam-{camera['id']}"
            if name not in known:
                body = {
                    "apiVersion": "vigil.dev/v1alpha1",
                    "kind": "Camera",
                    "metadata": {"name": name},
                    "spec": {"stream": {"url": "rtsp://10.0.0.1/s"}},
                }
                custom.create_namespaced_custom_object(*GROUP, body)
        time.sleep(2)


if __name__ == "__main__":
    kubernetes.config.load_kube_config()
    threading.Thread(target=_sync, daemon=True).start()
    kopf.run(namespaces=[NAMESPACE], standalone=True)
