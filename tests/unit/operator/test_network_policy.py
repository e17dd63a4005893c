from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.operator.builders import SETTINGS, camera_spec, plan

from vigil_operator.core.desired.network_policy import build_network_policy


def egress(url: str = "rtsp://10.0.0.7/s", *, transport: str = "tcp", api_url: str = SETTINGS.api_url) -> list[Any]:
    made = plan(spec=camera_spec(stream={"url": url, "transport": transport}))
    found: list[Any] = build_network_policy(replace(made, settings=replace(SETTINGS, api_url=api_url)))["spec"][
        "egress"
    ]
    return found


@pytest.mark.parametrize(
    ("url", "cidr", "port"),
    [
        ("rtsp://10.0.0.7/s", "10.0.0.7/32", 554),
        ("rtsps://10.0.0.7/s", "10.0.0.7/32", 322),
        ("rtsp://[2001:db8::7]:8554/s", "2001:db8::7/128", 8554),
    ],
)
def test_only_the_cameras_address_is_allowed(url: str, cidr: str, port: int) -> None:
    assert egress(url)[1] == {"to": [{"ipBlock": {"cidr": cidr}}], "ports": [{"protocol": "TCP", "port": port}]}


def test_udp_from_any_port_of_the_camera_is_allowed() -> None:
    assert {"protocol": "UDP"} in egress(transport="udp")[1]["ports"]


def test_a_camera_with_a_name_is_limited_to_its_port() -> None:
    assert egress("rtsp://gate.example:8554/s")[1] == {"ports": [{"protocol": "TCP", "port": 8554}]}


@pytest.mark.parametrize(
    ("api_url", "rule"),
    [
        ("http://vigil-backend:8000", {"to": [{"podSelector": {}}]}),
        (
            "http://vigil-backend.vigil-system:8000",
            {"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "vigil-system"}}}]},
        ),
        (
            "http://vigil-backend.vigil-system.svc.cluster.local:8000",
            {"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "vigil-system"}}}]},
        ),
        ("https://vigil.example.com", {"ports": [{"protocol": "TCP", "port": 443}]}),
        (
            "http://192.0.2.1:8000",
            {"to": [{"ipBlock": {"cidr": "192.0.2.1/32"}}], "ports": [{"protocol": "TCP", "port": 8000}]},
        ),
    ],
)
def test_api_is_reachable_anywhere(api_url: str, rule: dict[str, Any]) -> None:
    assert egress(api_url=api_url)[2] == rule


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        (
            "http://triton.vigil-inference:8000",
            {"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "vigil-inference"}}}]},
        ),
        ("https://triton.example.com", {"ports": [{"protocol": "TCP", "port": 443}]}),
    ],
)
def test_only_its_class_reaches_an_inference_server(url: str, rule: dict[str, Any]) -> None:
    served = plan(runtime="triton", model="yolov8n", triton={"url": url})
    assert build_network_policy(served)["spec"]["egress"][3:] == [rule]
    unused = plan(runtime="openvino", triton={"url": url})
    assert len(build_network_policy(unused)["spec"]["egress"]) == 3


def test_all_other_traffic_is_denied() -> None:
    assert len(egress()) == 3
    policy = build_network_policy(plan())["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["ingress"] == [{"ports": [{"protocol": "TCP", "port": 9464}]}]
