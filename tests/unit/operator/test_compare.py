from __future__ import annotations

import pytest
from tests.unit.operator.builders import plan

from vigil_operator.core.compare import covers, desired_hash
from vigil_operator.core.desired.deployment import build_deployment
from vigil_operator.core.desired.plan import DetectorSecrets
from vigil_operator.core.desired.secret import credentials_checksum
from vigil_operator.core.names import ANNOTATION_DESIRED
from vigil_operator.core.quantities import canonical_quantity


@pytest.mark.parametrize(
    ("observed", "desired", "same"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"a": 1}, {"a": 2}, False),
        ({}, {"a": None}, False),
        ({"a": [1, 2]}, {"a": [1, 2]}, True),
        ({"a": [2, 1]}, {"a": [1, 2]}, False),
        ({"a": [1, 2, 3]}, {"a": [1, 2]}, False),
        ({"c": [{"name": "side-car"}, {"name": "x", "v": 1, "w": 2}]}, {"c": [{"name": "x", "v": 1}]}, True),
        ({"c": [{"name": "x", "v": 2}]}, {"c": [{"name": "x", "v": 1}]}, False),
        ({"c": []}, {"c": [{"name": "x"}]}, False),
        ({"a": "text"}, {"a": ["text"]}, False),
        (None, {"a": 1}, False),
    ],
)
def test_desired_fields_are_covered_or_not(observed: object, desired: object, same: bool) -> None:
    assert covers(observed, desired) is same


def test_removed_field_is_detected() -> None:
    before = build_deployment(plan(nodeSelector={"pool": "a"}))
    after = build_deployment(plan(nodeSelector={}))
    assert not covers(before, after)
    assert (
        before["metadata"]["annotations"][ANNOTATION_DESIRED] != after["metadata"]["annotations"][ANNOTATION_DESIRED]
    )


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("0.5", "500m"), ("1000m", "1"), (2, "2"), ("1024Mi", "1Gi"), ("1.5Gi", "1536Mi"), ("1500Mi", "1500Mi"),
        ("1000", "1k"), ("2000M", "2G"), ("0", "0"), ("100m", "100m"), ("1024", "1024"), ("odd", "odd"),
    ],
)  # fmt: skip
def test_quantities_are_written_as_the_server_stores_them(written: int | str, stored: str) -> None:
    assert canonical_quantity(written) == stored


def test_checksum_depends_on_token_and_credentials() -> None:
    base = DetectorSecrets("token", "user", "password")
    others = [
        DetectorSecrets("token2", "user", "password"),
        DetectorSecrets("token", "user2", "password"),
        DetectorSecrets("token", "user", "password2"),
        DetectorSecrets("token", "userp", "assword"),
    ]
    assert len({credentials_checksum(secrets) for secrets in [base, *others]}) == 5
    assert credentials_checksum(base) == credentials_checksum(DetectorSecrets("token", "user", "password"))


def test_secrets_do_not_show_in_a_repr() -> None:
    assert "hunter2" not in repr(DetectorSecrets("hunter2", "hunter2", "hunter2"))


@pytest.mark.parametrize(
    ("manifest", "digest"),
    [
        ({"b": [1, 2.5, None, True], "a": {"z": "x/y\t\u007f"}}, "4f5c139e61de083d"),
        ({"name": "Tür 7"}, "fb22051c220d1fce"),
    ],
)
def test_digest_is_that_of_earlier_versions(manifest: dict[str, object], digest: str) -> None:
    """Another digest of the same manifest would restart every detector at an upgrade."""
    assert desired_hash(manifest) == digest
