"""Tests cannot use the developer's own cluster, and certificates map to Kubernetes users."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from tests.cluster.certificates import CertificateAuthority
from tests.cluster.http import Access
from tests.cluster.kubeconfig import (
    NotATestClusterError,
    clean_environment,
    require_test_cluster,
    write_kubeconfig,
)


def test_environment_cannot_select_another_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
        monkeypatch.setenv(name, "production")
    assert "production" not in clean_environment().values()


def test_an_unmarked_cluster_is_refused(tmp_path: Path) -> None:
    kubectl = tmp_path / "kubectl"
    kubectl.write_text("#!/bin/sh\necho 'configmaps \"vigil-test-cluster\" not found' >&2\nexit 1\n")
    kubectl.chmod(0o755)
    with pytest.raises(NotATestClusterError, match="kubectl create configmap vigil-test-cluster"):
        require_test_cluster(kubectl, tmp_path / "prod.kubeconfig")


def test_a_marked_cluster_is_accepted(tmp_path: Path) -> None:
    kubectl = tmp_path / "kubectl"
    kubectl.write_text('#!/bin/sh\n[ "$4" = get ] && [ "$6" = vigil-test-cluster ]\n')
    kubectl.chmod(0o755)
    require_test_cluster(kubectl, tmp_path / "test.kubeconfig")


def test_a_client_certificate_names_user_and_groups(tmp_path: Path) -> None:
    pair = CertificateAuthority(tmp_path).client("system:node:a", ["system:nodes", "more"])
    subject = x509.load_pem_x509_certificate(pair.certificate.read_bytes()).subject
    assert [name.value for name in subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == ["system:node:a"]
    groups = [name.value for name in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    assert groups == ["system:nodes", "more"]
    assert pair.key.stat().st_mode & 0o077 == 0


def test_a_written_kubeconfig_is_read_back(tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path)
    pair = authority.client("somebody")
    by_certificate = write_kubeconfig(tmp_path / "a", "https://x", authority.files.certificate, client=pair)
    by_token = write_kubeconfig(tmp_path / "b", "https://x", authority.files.certificate, token="t0ken")
    assert isinstance(Access.from_kubeconfig(by_certificate).context, ssl.SSLContext)
    assert Access.from_kubeconfig(by_token).headers == {"Authorization": "Bearer t0ken"}
    assert by_token.stat().st_mode & 0o077 == 0


def test_a_kubeconfig_without_credentials_is_refused(tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path)
    path = write_kubeconfig(tmp_path / "c", "https://x", authority.files.certificate)
    with pytest.raises(ValueError, match="no client-certificate"):
        Access.from_kubeconfig(path)
