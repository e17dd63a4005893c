"""The kinds of object that the operator uses, and their API paths."""

from dataclasses import dataclass

from vigil_operator.core.names import GROUP, VERSION


@dataclass(frozen=True, slots=True)
class Kind:
    """A resource type. `group` is empty for the core API."""

    name: str
    group: str
    version: str
    plural: str
    namespaced: bool = True

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Return the URL path of the collection, of one object, or of a subresource; without a namespace, of all."""
        parts = ["/api" if not self.group else f"/apis/{self.group}", self.version]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts += [part for part in (self.plural, name, subresource) if part]
        return "/".join(parts)


CAMERA = Kind("Camera", GROUP, VERSION, "cameras")
DETECTOR_CLASS = Kind("DetectorClass", GROUP, VERSION, "detectorclasses", namespaced=False)
CAMERA_POLICY = Kind("CameraPolicy", GROUP, VERSION, "camerapolicies")
DEPLOYMENT = Kind("Deployment", "apps", "v1", "deployments")
NETWORK_POLICY = Kind("NetworkPolicy", "networking.k8s.io", "v1", "networkpolicies")
VOLUME_CLAIM = Kind("PersistentVolumeClaim", "", "v1", "persistentvolumeclaims")
SECRET = Kind("Secret", "", "v1", "secrets")
DEVICE_CLASS = Kind("DeviceClass", "resource.k8s.io", "v1", "deviceclasses", namespaced=False)
NODE = Kind("Node", "", "v1", "nodes", namespaced=False)
POD = Kind("Pod", "", "v1", "pods")
EVENT = Kind("Event", "", "v1", "events")
LEASE = Kind("Lease", "coordination.k8s.io", "v1", "leases")

BY_NAME = {
    kind.name: kind
    for kind in (
        CAMERA,
        CAMERA_POLICY,
        DETECTOR_CLASS,
        DEPLOYMENT,
        NETWORK_POLICY,
        VOLUME_CLAIM,
        SECRET,
        POD,
        EVENT,
        LEASE,
    )
}
