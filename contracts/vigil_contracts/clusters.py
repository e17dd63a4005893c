"""Kubernetes clusters that share one API: how an operator names its own, and how it hands cameras over."""

from pydantic import BaseModel, ConfigDict, Field

from vigil_contracts.bounds import RowId

CLUSTER_NAME = r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?$"
"""A DNS label (RFC 1123), or empty."""

CLUSTER_NAME_FORM = "must be a DNS label: lower-case letters, digits and -, at most 63 characters"
RELEASES_AT_ONCE = 1000


class ClusterQuery(BaseModel):
    """The cluster for which an operator asks; the query parameters of its requests."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    cluster: str = Field(default="", max_length=63, pattern=CLUSTER_NAME, description="Its name; empty: none is set.")
    identity: str = Field(
        min_length=1,
        max_length=128,
        pattern=r"^[\x21-\x7e]+$",
        description="Digest of the cluster's certificate authority, and namespace: tells two clusters of one name"
        " from one another.",
    )


class CameraReleases(BaseModel):
    """Cameras of which an operator has removed every object, the detector's pod included."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    released: tuple[RowId, ...] = Field(default=(), max_length=RELEASES_AT_ONCE, description="The cameras' ids.")


class PendingReleases(BaseModel):
    """Cameras that the cluster must release: they were deactivated, or moved to another cluster."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    cameras: tuple[RowId, ...] = Field(
        max_length=RELEASES_AT_ONCE, description="Their ids; not all of them if there are very many."
    )
