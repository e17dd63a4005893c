"""Which manifests of a detector differ from the existing objects."""

from vigil_operator.core.compare import covers
from vigil_operator.core.desired.deployment import build_deployment
from vigil_operator.core.desired.network_policy import build_network_policy
from vigil_operator.core.desired.plan import DetectorPlan, Manifest
from vigil_operator.core.desired.secret import build_secret
from vigil_operator.core.desired.volume import build_volume_claim
from vigil_operator.core.observed import StoredObject
from vigil_operator.core.situation import Children


def changed_manifests(plan: DetectorPlan, children: Children) -> tuple[Manifest, ...]:
    """Return the manifests to apply; the Deployment is last, since its pod needs the others."""
    desired: list[tuple[Manifest, StoredObject | None]] = [(build_secret(plan), children.secret)]
    claim = build_volume_claim(plan)
    if claim is not None and children.volume_claim is None:
        # A bound claim is immutable: a new size or storage class applies to new cameras only.
        desired.append((claim, None))
    if plan.settings.network_policies:
        desired.append((build_network_policy(plan), children.network_policy))
    desired.append((build_deployment(plan), children.deployment))
    return tuple(manifest for manifest, existing in desired if not _is_covered(existing, manifest))


def _is_covered(existing: StoredObject | None, manifest: Manifest) -> bool:
    if existing is None:
        return False
    content = {name: value for name, value in manifest.items() if name not in {"apiVersion", "kind"}}
    return covers(existing.content, content)
