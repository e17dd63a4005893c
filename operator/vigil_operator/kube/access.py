"""Configure the connection to the API server, for our client and for kopf's watches."""

import hashlib
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import getproxies

import kopf
from kubernetes.aio import client as kubernetes_client
from kubernetes.aio import config as kubernetes_config

MAX_CONNECTIONS = 32
LOGIN_LIFETIME = timedelta(minutes=10)
"""A service account's token is renewed on disk long before it expires; kopf reloads it at this interval."""


Login = Callable[[], Awaitable[kopf.ConnectionInfo]]


class AccessError(Exception):
    """No access to an API server is configured."""


async def load_configuration(kubeconfig: str, watches: int = 0) -> Any:
    """Load the named kubeconfig, else the pod's service account, else $KUBECONFIG or ~/.kube/config.

    `watches`: how many connections watches will occupy. Raises `AccessError`.
    """
    configuration = kubernetes_client.Configuration()
    try:
        if kubeconfig or "KUBERNETES_SERVICE_HOST" not in os.environ:
            await kubernetes_config.load_kube_config(
                config_file=kubeconfig or None, client_configuration=configuration
            )
        else:
            kubernetes_config.load_incluster_config(client_configuration=configuration)
    except kubernetes_config.ConfigException as error:
        raise AccessError(f"no Kubernetes API server: {error}") from error
    configuration.connection_pool_maxsize = MAX_CONNECTIONS + watches
    # Retrying is left to the work queue, which spreads the load and drops outdated requests.
    configuration.retries = None
    # The proxy variables are read once here: aiohttp would read them for each request, in a separate thread.
    configuration.client_session_kwargs = {"trust_env": bool(getproxies())}
    return configuration


def cluster_identity(configuration: Any) -> str:
    """Return an identity of the cluster that needs no permission: a digest of its certificate authority."""
    authority = b""
    if configuration.ca_cert_data:
        authority = str(configuration.ca_cert_data).encode()
    elif configuration.ssl_ca_cert:
        authority = Path(configuration.ssl_ca_cert).read_bytes()
    return hashlib.sha256(authority.strip() or str(configuration.host).encode()).hexdigest()[:16]


def kopf_login(configuration: Any) -> Login:
    """Return a login for kopf with the same credentials."""

    async def login() -> kopf.ConnectionInfo:
        header = configuration.get_api_key_with_prefix("BearerToken")
        if hasattr(header, "__await__"):
            header = await header
        scheme, _, token = (header or "").rpartition(" ")
        return kopf.ConnectionInfo(
            server=configuration.host,
            ca_path=configuration.ssl_ca_cert,
            ca_data=configuration.ca_cert_data,
            insecure=not configuration.verify_ssl,
            scheme=scheme or None,
            token=token or None,
            certificate_path=configuration.cert_file,
            private_key_path=configuration.key_file,
            expiration=datetime.now(UTC) + LOGIN_LIFETIME,
        )

    return login
