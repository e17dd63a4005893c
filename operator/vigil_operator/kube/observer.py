"""Observe the situation of one camera: its resource, the objects of its detector, and what the API knows."""

from dataclasses import dataclass, field
from typing import Protocol

from vigil_operator.clock import Clock, utc_now
from vigil_operator.core.desired.plan import ManifestSettings
from vigil_operator.core.observed import Camera
from vigil_operator.core.policy_merge import PolicyRevision
from vigil_operator.core.registration import RegistrationSettings
from vigil_operator.core.situation import ApiView, Situation
from vigil_operator.kube.store import Store


class PolicyKnowledge(Protocol):
    """Knows which version of each policy a camera has; see `PolicyRollouts`."""

    def revisions_for(self, camera: Camera) -> tuple[PolicyRevision, ...]:
        """Return the policies of the camera's namespace, each in the version that the camera has now."""


class ApiKnowledge(Protocol):
    """Knows the API's last answers; see `Directory`."""

    def view(self, camera: Camera) -> ApiView:
        """Return what the API knows about one camera."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """Collects all that `core.reconcile` needs to decide about a camera. Sends no request."""

    store: Store
    knowledge: ApiKnowledge
    settings: ManifestSettings
    registration: RegistrationSettings = field(default_factory=RegistrationSettings)
    policies: PolicyKnowledge | None = None
    clock: Clock = utc_now

    def situation(self, camera: Camera) -> Situation:
        """Return the camera's situation at this moment."""
        return Situation(
            camera=camera,
            children=self.store.children(camera.key),
            classes=self.store.class_map(),
            api=self.knowledge.view(camera),
            settings=self.settings,
            now=self.clock(),
            credentials=self.store.credentials_for(camera),
            registration=self.registration,
            policies=self.policies.revisions_for(camera) if self.policies is not None else (),
        )
