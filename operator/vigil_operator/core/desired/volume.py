"""The volume of a detector's spool, for classes that want alerts to outlive the pod."""

from vigil_operator.core.desired.plan import DetectorPlan, Manifest, metadata
from vigil_operator.core.quantities import canonical_quantity


def build_volume_claim(plan: DetectorPlan) -> Manifest | None:
    """Return the PersistentVolumeClaim, or None if the class uses an emptyDir for the spool."""
    wanted = plan.detector_class.spool.persistent_volume_claim
    if wanted is None:
        return None
    spec: Manifest = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": canonical_quantity(plan.detector_class.spool.size_limit)}},
    }
    if wanted.storage_class_name is not None:
        spec["storageClassName"] = wanted.storage_class_name
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata(plan), "spec": spec}
