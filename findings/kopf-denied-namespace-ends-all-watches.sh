#!/usr/bin/env bash
# kopf 1.45.2: an operator of several namespaces ends as a whole when one of them denies access.
#
# kopf.operator(namespaces=["a", "b"]) has a watch for each namespace and resource. When the permissions in one namespace
# are gone, for example because the namespace was deleted with its RoleBinding and created again, the watch of that
# namespace gets 403. After the retries of settings.networking.error_backoffs, the error ends kopf.operator() with all
# watches of the other namespaces, although those are healthy. There is no setting that isolates them.
# Run one kopf.operator() for each namespace to keep the others.
#
# Seen: events of ['a'], kopf.operator() ended with APIForbiddenError
# Exits non-zero if kopf.operator() keeps running.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet kopf==1.45.2 aiohttp==3.14.5
"$folder/venv/bin/python" - <<'PYTHON'
import asyncio
import json
import logging

import kopf
from aiohttp import web

logging.disable(logging.CRITICAL)
VERBS = ["get", "list", "patch", "watch"]
CONFIGMAP = {"name": "configmaps", "kind": "ConfigMap", "singularName": "configmap", "namespaced": True}
NAMESPACE = {"name": "namespaces", "kind": "Namespace", "singularName": "namespace", "namespaced": False}
seen = []
watches = set()


async def discovery(request: web.Request) -> web.Response:
    answers = {
        "/api": {"versions": ["v1"]},
        "/apis": {"groups": []},
        "/api/v1": {"resources": [{**each, "verbs": VERBS} for each in (CONFIGMAP, NAMESPACE)]},
    }
    return web.json_response(answers[request.path])


async def configmaps(request: web.Request) -> web.StreamResponse:
    namespace = request.match_info["namespace"]
    if namespace == "b":
        status = {"kind": "Status", "code": 403, "reason": "Forbidden", "message": "configmaps is forbidden"}
        return web.json_response(status, status=403)
    if "watch" not in request.query:
        return web.json_response({"kind": "ConfigMapList", "metadata": {"resourceVersion": "1"}, "items": []})
    stream = web.StreamResponse()
    await stream.prepare(request)
    watches.add(namespace)
    made = {"kind": "ConfigMap", "metadata": {"name": "x", "namespace": namespace, "uid": "u", "resourceVersion": "2"}}
    await stream.write(json.dumps({"type": "ADDED", "object": made}).encode() + b"\n")
    try:
        await asyncio.sleep(60)
    finally:
        watches.discard(namespace)
    return stream


async def main() -> int:
    application = web.Application()
    for path in ("/api", "/apis", "/api/v1"):
        application.router.add_get(path, discovery)
    application.router.add_get("/api/v1/namespaces/{namespace}/configmaps", configmaps)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]

    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def login(**_: object) -> kopf.ConnectionInfo:
        return kopf.ConnectionInfo(server=f"http://127.0.0.1:{port}")

    @kopf.on.event("", "v1", "configmaps", registry=registry)
    async def on_event(namespace: str, **_: object) -> None:
        seen.append(namespace)

    settings = kopf.OperatorSettings()
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.networking.error_backoffs = [1.0, 1.0]
    operator = asyncio.create_task(
        kopf.operator(registry=registry, settings=settings, namespaces=["a", "b"], standalone=True)
    )
    done, _ = await asyncio.wait({operator}, timeout=20)
    error = type(operator.exception()).__name__ if done and operator.exception() else "nothing"
    print(f"events of {sorted(set(seen))}, kopf.operator() {'ended with ' + error if done else 'is still running'}")
    operator.cancel()
    return 0 if done and set(seen) == {"a"} and error == "APIForbiddenError" else 1


raise SystemExit(asyncio.run(main()))
PYTHON
