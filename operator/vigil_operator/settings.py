"""The operator's settings, from the environment (`VIGIL_…`); each says what happens when it changes."""

import re
import socket
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from vigil_contracts.clusters import CLUSTER_NAME, CLUSTER_NAME_FORM, ClusterQuery
from vigil_operator.core.desired.plan import ManifestSettings
from vigil_operator.core.registration import RegistrationSettings

NAMESPACE_NAME = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"


def _namespaces_in(text: str) -> list[tuple[str, str]]:
    """Return the namespaces in `team-a=anna,team-b`, each with its owner or an empty text."""
    items = (item.partition("=") for item in text.split(",") if item.strip())
    return [(name.strip(), owner.strip()) for name, _, owner in items]


class OperatorSettings(BaseSettings):
    """Read once at the start."""

    model_config = SettingsConfigDict(env_prefix="VIGIL_", extra="ignore", hide_input_in_errors=True)

    api_url: str = Field(description="URL of Vigil's API for the operator, such as http://vigil-backend:8000.")
    detector_api_url: str = Field(
        default="",
        description="URL of the API for detectors; empty: the same. Changing it restarts every detector.",
    )
    token_file: Path | None = Field(
        default=None, description="File with the operator's API token; read again at each start."
    )
    token: SecretStr | None = Field(default=None, description="The token itself, if there is no file.")
    namespace: str = Field(
        default="vigil-cameras",
        description="Namespace of cameras and their detectors. It should contain nothing else: anyone who can "
        "create pods there can read the cameras' credentials.",
    )
    watched_namespaces: str = Field(
        default="",
        max_length=20_000,
        description="Further namespaces whose cameras, created with kubectl, are watched, separated by commas. "
        "`team-a=anna` makes the user anna the owner of the cameras in team-a; without a user, VIGIL_CAMERA_OWNER "
        "applies. Before a namespace is removed from this list, its cameras must be deleted.",
    )
    lease_namespace: str = Field(
        default="vigil-system", description="Namespace of the Lease that elects the active replica."
    )
    identity: str = Field(
        default_factory=socket.gethostname,
        min_length=1,
        max_length=253,
        description="This replica's name in the Lease; must differ between replicas.",
    )
    kubeconfig: str = Field(
        default="", description="Path of a kubeconfig; empty: the pod's own service account, else $KUBECONFIG."
    )
    detector_image: str = Field(
        default="vigil-detector:latest",
        description="Image of classes without an image. Changing it restarts their detectors.",
    )
    camera_owner: str = Field(
        default="",
        max_length=150,
        description="User of the API who owns the cameras created with kubectl in the namespace; empty: the "
        "user of the operator's token. Changing it transfers all of them to the other user.",
    )
    cluster_name: str = Field(
        default="",
        max_length=63,
        description="Name of this cluster, by which cameras of the API are assigned to it; empty: it watches cameras "
        "without a cluster only. It must be unique among the clusters of the API. Also marks the rows of cameras "
        "created with kubectl, otherwise marked by a digest of the cluster's certificate authority.",
    )
    network_policies: bool = Field(
        default=True,
        description="Create a NetworkPolicy for each detector; disable it if you manage policies yourself.",
    )
    read_nodes: bool = Field(
        default=False,
        description="Show in the status of each DetectorClass how many more detectors fit on the nodes. The operator "
        "needs the rights to list nodes and pods in the whole cluster for that.",
    )
    sync_interval_seconds: float = Field(default=1.5, gt=0, le=15, description="Interval at which the API is polled.")
    health_interval_seconds: float = Field(
        default=10.0,
        gt=0,
        le=300,
        description="Interval at which the cameras' health is polled; longer if the API takes seconds to answer.",
    )
    resync_interval_seconds: float = Field(
        default=45.0,
        gt=0,
        le=300,
        description="Interval of the resync, which lists all objects again; jittered, and "
        "longer if a listing takes long.",
    )
    restarts_at_once: int = Field(
        default=5,
        ge=1,
        le=1000,
        description="Maximum number of detectors that restart at once after a change of a DetectorClass or of these "
        "settings. The next one restarts when one of them is ready.",
    )
    workers: int = Field(default=16, ge=1, le=256, description="Number of cameras that are reconciled concurrently.")
    health_port: int = Field(default=9465, ge=0, le=65535, description="Port of /healthz, /readyz and /metrics.")
    health_host: str = Field(default="", description="Address of that port; empty: all addresses.")
    log_format: Literal["auto", "json", "text"] = Field(
        default="auto", description="json or text; auto: json in a cluster, text in a terminal."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("*", mode="before")
    @classmethod
    def _without_line_break(cls, value: object) -> object:
        """Leave out line breaks at the end: a Secret made by `echo … | base64` has one."""
        return value.rstrip("\r\n") if isinstance(value, str) else value

    @field_validator("cluster_name")
    @classmethod
    def _is_dns_label(cls, name: str) -> str:
        if not re.fullmatch(CLUSTER_NAME, name):
            raise ValueError(CLUSTER_NAME_FORM)
        return name

    @field_validator("watched_namespaces")
    @classmethod
    def _are_namespaces(cls, text: str) -> str:
        names = [name for name, _ in _namespaces_in(text)]
        for name in names:
            if not re.fullmatch(NAMESPACE_NAME, name):
                raise ValueError(f"{name!r} is not the name of a namespace; write them as team-a=anna,team-b")
            if names.count(name) > 1:
                raise ValueError(f"names {name!r} twice")
        return text

    @field_validator("api_url", "detector_api_url")
    @classmethod
    def _is_http(cls, url: str) -> str:
        if url and not url.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return url.rstrip("/")

    @property
    def namespaces(self) -> tuple[str, ...]:
        """All watched namespaces; the first is the one of the API's cameras."""
        further = (name for name, _ in _namespaces_in(self.watched_namespaces) if name != self.namespace)
        return (self.namespace, *further)

    def read_token(self) -> str:
        """Return the operator's API token. Raises `ValueError` if there is none."""
        if self.token_file is not None:
            try:
                return self.token_file.read_text(encoding="utf-8").strip()
            except OSError as error:
                raise ValueError(f"VIGIL_TOKEN_FILE: cannot be read: {error.strerror}") from None
        if self.token is not None:
            return self.token.get_secret_value().strip()
        raise ValueError("VIGIL_TOKEN_FILE or VIGIL_TOKEN must be set to the operator's API token")

    def registration(self, cluster: str) -> RegistrationSettings:
        """Return how kubectl cameras are registered. `cluster`: the name to use if none is configured."""
        return RegistrationSettings(
            cluster=self.cluster_name or cluster,
            owner=self.camera_owner,
            owners=dict(_namespaces_in(self.watched_namespaces)),
            key=self.read_token().encode(),
        )

    def cluster(self, identity: str) -> ClusterQuery:
        """Return for which cluster the operator asks the API. `identity`: of the cluster, whatever its name."""
        return ClusterQuery(cluster=self.cluster_name, identity=f"{identity}/{self.namespace}")

    def manifests(self) -> ManifestSettings:
        """Return the settings that show in manifests."""
        return ManifestSettings(
            api_url=self.detector_api_url or self.api_url,
            detector_image=self.detector_image,
            network_policies=self.network_policies,
        )
