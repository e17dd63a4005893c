"""Everything that a decision about one camera depends on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from vigil_contracts.camera import AlertTotals, CameraConfiguration
from vigil_contracts.health import HealthReport
from vigil_contracts.names import Reason
from vigil_contracts.resources import RegisteredResource, ResourceRegistration
from vigil_contracts.stream_url import split_credentials
from vigil_operator.core.classes import ChosenClass, NoClass, choose_class
from vigil_operator.core.conditions import Condition
from vigil_operator.core.decision import Removal
from vigil_operator.core.desired.plan import DetectorSecrets, ManifestSettings
from vigil_operator.core.desired.secret import PASSWORD_KEY, TOKEN_KEY, USERNAME_KEY
from vigil_operator.core.fallback import with_fallback
from vigil_operator.core.observed import Camera, Deployment, DetectorClass, Pod, StoredObject, secret_values
from vigil_operator.core.policy_merge import MergedSpec, PolicyRevision, merge, parse_merged_spec
from vigil_operator.core.registration import RegistrationSettings, build_registration, credentials_of
from vigil_operator.core.sleep import Sleep, sleep_of
from vigil_operator.core.specs import CameraSpec
from vigil_operator.core.status import synced


@dataclass(frozen=True, slots=True)
class Children:
    """The existing objects of one camera, by kind."""

    deployment: Deployment | None = None
    secret: StoredObject | None = None
    network_policy: StoredObject | None = None
    volume_claim: StoredObject | None = None
    pods: tuple[Pod, ...] = ()

    def owned(self) -> tuple[tuple[str, StoredObject], ...]:
        """Return the objects that the operator itself creates, with their kinds; dependants first.

        Pods are not among them: they belong to the Deployment.
        """
        found = (
            ("Deployment", self.deployment),
            ("Secret", self.secret),
            ("NetworkPolicy", self.network_policy),
            ("PersistentVolumeClaim", self.volume_claim),
        )
        return tuple((kind, existing) for kind, existing in found if existing is not None)

    def removals(self) -> tuple[Removal, ...]:
        """Return what to delete so that none of them is left."""
        return tuple(
            Removal(kind, existing.key.namespace, existing.key.name, existing.meta.uid)
            for kind, existing in self.owned()
        )


@dataclass(frozen=True, slots=True)
class ApiView:
    """What the API knows about the camera."""

    configuration: CameraConfiguration | None = None
    """The last answer; None until the API has answered once."""
    health: HealthReport | None = None
    alerts: AlertTotals | None = None
    problem: str = ""
    """Why the API does not answer; empty while it does."""
    row: RegisteredResource | None = None
    """The row of a camera that was created with kubectl."""
    are_rows_known: bool = False
    refusal: str = ""
    """Why the API did not accept the registration that was just sent."""
    is_refused_for_good: bool = False
    """Whether sending the same registration again cannot succeed."""
    issued_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Situation:
    """The input of `decide`."""

    camera: Camera
    children: Children
    classes: Mapping[str, DetectorClass]
    api: ApiView
    settings: ManifestSettings
    now: datetime
    credentials: StoredObject | None = None
    """The Secret that the spec of a kubectl camera names."""
    registration: RegistrationSettings = field(default_factory=RegistrationSettings)
    policies: tuple[PolicyRevision, ...] = ()
    """The policies of the camera's namespace, each in the version that it is this camera's turn to have."""
    refused: str = ""
    """What the API server answers to the camera's writes, if it has refused them for a while."""

    @property
    def camera_id(self) -> int | None:
        """The camera's id in the API. The id in the status counts only until the API has listed its rows."""
        row = self.api.row
        if row is not None:
            return row.id
        if self.camera.managed_by_backend or not self.api.are_rows_known:
            return self.camera.camera_id
        return None


class Case:
    """A situation and what the steps of `decide` derive from it, each value at most once."""

    def __init__(self, situation: Situation) -> None:
        self.situation = situation
        self.camera = situation.camera
        self.api = situation.api
        self.children = situation.children
        self.camera_id = situation.camera_id

    @cached_property
    def merged(self) -> MergedSpec:
        """The camera's spec with the values of its policies. The API owns all values of an API camera."""
        policies = () if self.camera.managed_by_backend else self.situation.policies
        return merge(self.camera.spec, self.camera.meta.labels, policies)

    @cached_property
    def spec(self) -> CameraSpec:
        """The camera's spec with the values of its policies. Raises `InvalidSpecError`."""
        return parse_merged_spec(self.camera.key.name, self.merged)

    @cached_property
    def registration(self) -> ResourceRegistration | None:
        """What the API must know about the resource; None if the API owns it. Raises `InvalidSpecError`."""
        if self.camera.managed_by_backend:
            return None
        credentials = credentials_of(self.spec, self.situation.credentials)
        settings, sources = self.situation.registration, self.merged.sources
        return build_registration(self.camera, self.spec, credentials, settings, sources=sources)

    @cached_property
    def detector_class(self) -> ChosenClass | NoClass:
        """The class of the camera, or its fallback once that is due."""
        chosen = choose_class(self.spec.detector_class_name, self.situation.classes)
        if isinstance(chosen, NoClass):
            return chosen
        return with_fallback(chosen, self.camera, self.situation.classes, self.situation.now)

    @cached_property
    def sleep(self) -> Sleep | None:
        """Until when the camera may sleep now; None: its detector must run.

        The class that it requests decides, and not a fallback. A sleeping camera gives up its fallback, so it would
        otherwise wake up at once.
        """
        chosen = choose_class(self.spec.detector_class_name, self.situation.classes)
        if isinstance(chosen, NoClass):
            return None
        found = self.situation.classes[chosen.name]
        return sleep_of(self.spec, chosen.spec.sleep, found, self.camera.status, self.situation.now)

    @cached_property
    def secrets(self) -> DetectorSecrets | None:
        """The detector's token and credentials; None if the API must issue a token first.

        While the API is unreachable, the content of the Secret stays as it is, so that no detector restarts.
        """
        held = secret_values(self.children.secret) if self.children.secret else {}
        token = self.api.issued_token or (held.get(TOKEN_KEY, "") if self._is_secret_of_current_row() else "")
        if not token:
            return None
        if not self.camera.managed_by_backend:
            own = credentials_of(self.spec, self.situation.credentials)
            return DetectorSecrets(token) if own is None else DetectorSecrets(token, own.username, own.password)
        if self.api.configuration is None:
            return DetectorSecrets(token, held.get(USERNAME_KEY, ""), held.get(PASSWORD_KEY, ""))
        _, credentials = split_credentials(self.api.configuration.rtsp_url.get_secret_value())
        if credentials is None:
            return DetectorSecrets(token)
        return DetectorSecrets(token, credentials.username, credentials.password)

    @cached_property
    def sync(self) -> Condition:
        """The condition `Synced`."""
        if self.api.problem:
            return synced(Reason.BACKEND_UNREACHABLE, self.api.problem)
        if self.camera_id is None:
            return synced(Reason.NOT_REGISTERED, self.api.refusal)
        if self.api.refusal:
            reason = Reason.INVALID_SPEC if self.api.is_refused_for_good else Reason.BACKEND_UNREACHABLE
            return synced(reason, self.api.refusal)
        return synced(Reason.SYNCED)

    def _is_secret_of_current_row(self) -> bool:
        """Return whether the Secret's token was issued for the camera's current row; a new row needs a new token."""
        return self.camera.status.get("cameraId") in (None, self.camera_id)
