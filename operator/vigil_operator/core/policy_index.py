"""Find the cameras of a namespace by label and by policy, so that each policy costs no more than its own cameras."""

from collections import defaultdict
from collections.abc import Iterable

from vigil_operator.core.observed import Camera
from vigil_operator.core.policy_merge import selects
from vigil_operator.core.policy_spec import LabelSelector


class CameraIndex:
    """The cameras of one namespace, read once."""

    def __init__(self, cameras: Iterable[Camera]) -> None:
        self._cameras = list(cameras)
        self._by_label: defaultdict[tuple[str, str], list[Camera]] = defaultdict(list)
        self._by_policy: defaultdict[str, list[Camera]] = defaultdict(list)
        for camera in self._cameras:
            for label in camera.meta.labels.items():
                self._by_label[label].append(camera)
            for policy in camera.policy_generations:
                self._by_policy[policy].append(camera)

    def selected(self, selector: LabelSelector) -> list[Camera]:
        """Return the cameras that the selector matches, including those of the API."""
        candidates = min(
            (self._by_label.get(label, []) for label in selector.match_labels.items()),
            key=len,
            default=self._cameras,
        )
        return [camera for camera in candidates if selects(selector, camera.meta.labels)]

    def with_policy(self, name: str) -> list[Camera]:
        """Return the cameras whose status says that they have a version of the policy."""
        return self._by_policy.get(name, [])
