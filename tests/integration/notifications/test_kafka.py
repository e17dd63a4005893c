"""The Kafka channel against librdkafka's cluster, behind a gateway with TLS and SASL where that matters."""

import contextlib
import json
import logging
import re
import sqlite3
import ssl
import uuid
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any, cast

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_structured_event
from cloudevents.core.formats.json import JSONFormat
from tests.cluster.certificates import CertificateAuthority
from tests.integration.notifications.conftest import NOW, content, sample
from tests.integration.services.kafka_cluster import Gateway, KafkaCluster, kafka_cluster, kafka_gateway

from vigil_apps.notifications.channels import CHANNELS, DeliveryError, kafka_client
from vigil_apps.notifications.channels.kafka import KafkaTarget
from vigil_apps.notifications.core.events import CloudEvent
from vigil_apps.notifications.core.message import Content
from vigil_apps.notifications.core.names import ChannelName, MessageKind
from vigil_contracts.addresses import PublicAddresses

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def cluster() -> Iterator[KafkaCluster]:
    with kafka_cluster() as made:
        yield made


def _send(url: str, message: Content, topic: str, **more: Any) -> DeliveryError | None:
    try:
        CHANNELS[ChannelName.KAFKA].send(KafkaTarget(url=url, topic=topic, **more), message)
    except DeliveryError as error:
        return error
    return None


def test_record_is_a_structured_cloudevent_with_the_key(cluster: KafkaCluster) -> None:
    message = content(event=sample())
    assert message.event is not None
    assert _send(f"kafka://{cluster.servers}", message, "structured") is None
    (record,) = cluster.records("structured", 1)
    found = cast("list[tuple[str, bytes]]", record.headers())
    headers = dict(found)
    assert record.key() == message.event.partitionkey.encode()
    assert headers == {"content-type": b"application/cloudevents+json; charset=utf-8"}
    read = from_structured_event(KafkaMessage(headers, record.key(), record.value() or b""), JSONFormat())
    assert (read.get_id(), read.get_type()) == (message.event.id, "dev.vigil.test")
    assert read.get_data() == {"subscription": "Nights"}


def test_tls_and_login_of_the_url_reach_the_broker(
    cluster: KafkaCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = CertificateAuthority(tmp_path)
    files = authority.server("broker", ["localhost", "127.0.0.1"])
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(files.certificate, files.key)
    gateway = Gateway(cluster.port, tls=tls, login=("anna", "p@ss/word"))
    with kafka_gateway(gateway):
        url = f"kafkas://anna:p%40ss%2Fword@localhost:{gateway.port}"
        untrusted = _send(url, content(event=sample()), "secure", sasl_mechanism="PLAIN")
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.files.certificate))
        assert _send(url, content(event=sample()), "secure", sasl_mechanism="PLAIN") is None
        other = _send(url, content(event=sample()), "secure", sasl_mechanism="SCRAM-SHA-512")
        wrong = _send(url.replace("anna:", "ben:"), content(event=sample()), "secure", sasl_mechanism="PLAIN")
    reasons = [error.reason if error is not None else None for error in (untrusted, other, wrong)]
    assert reasons == [
        "a broker's TLS certificate is invalid, or it does not use TLS",
        "the cluster does not offer this SASL mechanism (sasl_mechanism)",
        "the cluster rejected the user name or password",
    ]
    assert cluster.count("secure") == 1


def test_brokers_named_by_the_cluster_are_checked_too(
    cluster: KafkaCluster, reachable: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_client, "SEND_SECONDS", 2.0)
    reachable.VIGIL_NOTIFY_ADDRESSES = PublicAddresses((ip_network("127.0.0.9/32"),))
    with kafka_gateway(Gateway(cluster.port, host="127.0.0.9", rewrite=False)) as gateway:
        error = _send(f"kafka://127.0.0.9:{gateway.port}", content(event=sample()), "forbidden")
        assert gateway.connections
    assert error is not None
    assert "VIGIL_NOTIFY_NETWORKS" in error.reason
    assert cluster.count("forbidden") == 0


def test_reasons_and_log_do_not_repeat_the_address(capsys: pytest.CaptureFixture[str]) -> None:
    assert logging.getLogger("aiokafka").getEffectiveLevel() <= logging.INFO
    reason = "the cluster is unreachable or closed the connection; check its port, and whether it uses TLS"
    error = _send("kafka://anna:s3cret@127.0.0.1:1,127.0.0.2:1", content(event=sample()), "vigil")
    assert error is not None
    assert error.reason == reason
    error = _send("kafka://zzmarked.invalid", content(event=sample()), "vigil")
    assert error is not None
    assert error.reason == "the host name cannot be resolved"
    logged = "".join(capsys.readouterr())
    assert not any(word in logged for word in ("s3cret", "anna", "zzmarked", "127.0.0.2"))


def test_consumer_of_the_documentation_stores_each_event_once(cluster: KafkaCluster) -> None:
    page = (ROOT / "docs/events.md").read_text()
    (sample,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(sample, "docs/events.md", "exec"), names)
    (example,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    event = CloudEvent.model_validate(json.loads(example))
    message = Content(uuid.uuid4(), MessageKind.EVENT, 3, "Events", NOW, [], event)
    for _ in range(2):  # the second time as after a lost confirmation
        assert _send(f"kafka://{cluster.servers}", message, "consumed") is None
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        assert names["consume"](database, cluster.servers, "consumed", 2) == 1
        rows = database.execute("SELECT * FROM alerts").fetchall()
    assert rows == [("https://vigil.example/api/cameras/7/", 17, "Front gate", "person", 1)]
