"""The NetworkPolicy of a camera's detector: it reaches its camera, DNS and the API, and nothing else.

A detector decodes what a camera sends, and cameras are the least trusted machines of a network: an attacker who
controls one must not reach anything else. A policy knows addresses, not names: where the camera's URL has a name, its
port on any address is let through, since the name may point elsewhere tomorrow.
"""

from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from vigil_contracts.names import StreamTransport
from vigil_operator.core.desired.deployment import METRICS_PORT
from vigil_operator.core.desired.plan import DetectorPlan, Manifest, metadata, with_hash
from vigil_operator.core.names import selector_labels

DEFAULT_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
DNS_PORT = 53


def build_network_policy(plan: DetectorPlan) -> Manifest:
    """Return the NetworkPolicy. It is not part of the pod, so that changing it restarts nothing."""
    egress = [_dns(), _camera(plan), _service(plan.settings.api_url)]
    chosen = plan.detector_class
    if chosen.runtime == "triton" and chosen.triton is not None:
        egress.append(_service(chosen.triton.url))
    return with_hash(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": metadata(plan),
            "spec": {
                "podSelector": {"matchLabels": selector_labels(plan.camera.name)},
                "policyTypes": ["Ingress", "Egress"],
                "ingress": [{"ports": [_port("TCP", METRICS_PORT)]}],
                "egress": egress,
            },
        }
    )


def _dns() -> Manifest:
    return {"ports": [_port("UDP", DNS_PORT), _port("TCP", DNS_PORT)]}


def _camera(plan: DetectorPlan) -> Manifest:
    url = urlsplit(plan.spec.stream.url)
    rule: Manifest = {"ports": [_port("TCP", url.port or DEFAULT_PORTS[url.scheme.lower()])]}
    block = _block(url.hostname or "")
    if block:
        rule["to"] = [block]
        if plan.spec.stream.transport is StreamTransport.UDP:
            # RTP ports are negotiated in the RTSP dialogue, so they are not known in advance.
            rule["ports"].append({"protocol": "UDP"})
    return rule


@lru_cache(maxsize=64)
def _service(url: str) -> Manifest:
    """Return the rule for a service. Inside the cluster it allows a namespace, since pod ports may differ.

    The result is shared by all policies: callers must not change it.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = _port("TCP", parts.port or DEFAULT_PORTS[parts.scheme])
    block = _block(host)
    if block:
        return {"to": [block], "ports": [port]}
    labels = host.split(".")
    if len(labels) == 1:
        return {"to": [{"podSelector": {}}]}
    if len(labels) == 2 or labels[2] == "svc":
        return {"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": labels[1]}}}]}
    return {"ports": [port]}


def _port(protocol: str, port: int) -> Manifest:
    return {"protocol": protocol, "port": port}


def _block(host: str) -> Manifest | None:
    """Return an address as an IP block; None if the host is a name."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return {"ipBlock": {"cidr": f"{address}/{address.max_prefixlen}"}}
