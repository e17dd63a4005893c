"""The registration of a kubectl camera in the API: what its row says, and when it must be updated.

The API finds the row by the resource's uid, so that a later resource of the same name gets another row. The API keeps
a digest of the last registration, so that a restart of the operator sends nothing.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from pydantic import SecretStr, ValidationError
from pydantic.alias_generators import to_snake

from vigil_contracts.names import DeletionPolicy
from vigil_contracts.resources import RegisteredResource, ResourceRegistration
from vigil_contracts.retention import RetentionSettings
from vigil_contracts.stream_url import Credentials, credentials_problem, fill_placeholders, join_credentials
from vigil_operator.core.desired.secret import PASSWORD_KEY, USERNAME_KEY
from vigil_operator.core.names import FINALIZER, LABEL_MANAGED_BY, MANAGED_BY_KUBECTL
from vigil_operator.core.observed import Camera, StoredObject, secret_values
from vigil_operator.core.specs import CameraSpec, InvalidSpecError


@dataclass(frozen=True, slots=True)
class RegistrationSettings:
    """Origin and owners of the rows. `key`: without it, digests say nothing about passwords."""

    cluster: str = "cluster"
    owner: str = ""
    owners: Mapping[str, str] = field(default_factory=dict)
    """Owners of the cameras of single namespaces; `owner` has all others."""
    key: bytes = field(default=b"", repr=False)

    def source_of(self, namespace: str) -> str:
        """Return the name by which the API knows the rows of a namespace."""
        return f"{self.cluster}/{namespace}"

    def owner_in(self, namespace: str) -> str:
        """Return the user who owns the cameras of a namespace; empty: the user of the operator's token."""
        return self.owners.get(namespace) or self.owner


def is_claimed(camera: Camera) -> bool:
    """Return whether the resource has our finalizer and an owner label."""
    return FINALIZER in camera.meta.finalizers and camera.meta.labels.get(LABEL_MANAGED_BY) == MANAGED_BY_KUBECTL


def credentials_of(spec: CameraSpec, secret: StoredObject | None) -> Credentials | None:
    """Return the camera's user and password from the Secret that it names; None where it names none.

    A line break at the end is left out: `echo` and editors add one, and no camera takes it. Raises
    `InvalidSpecError`, which says what is missing or wrong.
    """
    reference = spec.stream.credentials_secret_ref
    if reference is None:
        return None
    where = "spec.stream.credentialsSecretRef.name"
    if secret is None:
        raise InvalidSpecError(f"{where}: there is no Secret {reference.name!r} in the camera's namespace")
    try:
        values = secret_values(secret)
    except ValueError:
        raise InvalidSpecError(f"{where}: Secret {reference.name!r} must hold text in UTF-8") from None
    missing = [name for name in (USERNAME_KEY, PASSWORD_KEY) if name not in values]
    if missing:
        raise InvalidSpecError(f"{where}: Secret {reference.name!r} lacks the key {' and '.join(missing)}")
    credentials = Credentials(values[USERNAME_KEY].rstrip("\r\n"), values[PASSWORD_KEY].rstrip("\r\n"))
    if problem := credentials_problem(credentials):
        raise InvalidSpecError(f"{where}: Secret {reference.name!r} is not usable: {problem}")
    return credentials


def build_registration(
    camera: Camera,
    spec: CameraSpec,
    credentials: Credentials | None,
    settings: RegistrationSettings,
    *,
    sources: Mapping[str, str] = MappingProxyType({}),
) -> ResourceRegistration:
    """Return the registration to send. Raises `InvalidSpecError`.

    `sources`: the policy of each field whose value comes from one, in the resource's spelling.
    """
    url = fill_placeholders(join_credentials(spec.stream.url, credentials), credentials)
    try:
        registration = ResourceRegistration(
            source=settings.source_of(camera.key.namespace),
            resource=camera.key.name,
            owner=settings.owner_in(camera.key.namespace),
            name=spec.display_name or camera.key.name,
            rtsp_url=SecretStr(url),
            is_active=spec.active,
            transport=spec.stream.transport,
            detection=spec.detection,
            recording=spec.recording if "recording" in spec.model_fields_set else None,
            retention=spec.retention if spec.retention != RetentionSettings() else None,
            detector_class_name=spec.detector_class_name,
            deletion_policy=spec.deletion_policy,
            policy_sources={_field_of_api(field): policy for field, policy in sources.items()},
            digest="",
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise InvalidSpecError(f"spec: {first['loc'][0]}: {first['msg']}") from None
    text = json.dumps([registration.to_json(), url], sort_keys=True)
    digest = hmac.new(settings.key, text.encode(), hashlib.sha256).hexdigest()[:32]
    return registration.model_copy(update={"digest": digest})


def _field_of_api(field: str) -> str:
    return ".".join(to_snake(name) for name in field.split("."))


def deletion_policy_of(camera: Camera) -> DeletionPolicy:
    """Return the policy in a spec that may be invalid; what is not clearly `Delete` keeps the alerts."""
    spec = camera.spec
    wanted = spec.get("deletionPolicy") if isinstance(spec, dict) else None
    return DeletionPolicy.DELETE if wanted == DeletionPolicy.DELETE.value else DeletionPolicy.RETAIN


def is_registered(row: RegisteredResource | None, registration: ResourceRegistration) -> bool:
    """Return whether the API has exactly this registration."""
    return row is not None and row.digest == registration.digest
