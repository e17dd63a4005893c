"""Map model classes to alert types: one common table, with additions per camera or model."""

from collections.abc import Iterable, Mapping

from vigil_contracts.names import AlertType

ALERT_TYPES: Mapping[str, AlertType] = {
    **dict.fromkeys(("person", "pedestrian", "human"), AlertType.PERSON),
    **dict.fromkeys(
        ("bicycle", "car", "motorcycle", "bus", "train", "truck", "van", "boat", "airplane", "vehicle"),
        AlertType.VEHICLE,
    ),
    **dict.fromkeys(
        ("bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "animal"),
        AlertType.ANIMAL,
    ),
    **dict.fromkeys(("fire", "flame"), AlertType.FIRE),
    "smoke": AlertType.SMOKE,
    **dict.fromkeys(("weapon", "gun", "pistol", "rifle", "handgun"), AlertType.WEAPON),
    **dict.fromkeys(("violence", "fight", "fighting", "assault"), AlertType.VIOLENCE),
}
"""By label in lower case. COCO's `knife` is omitted on purpose: most kitchen tables have one."""


def alert_types_by_class_id(
    labels: tuple[str, ...], wanted: tuple[str, ...] = (), own: Mapping[str, AlertType] | None = None
) -> dict[int, AlertType]:
    """Return the alert type of each class to detect, by class id.

    `wanted` names labels or alert types (`vehicle` stands for car, bus, …); empty: all labels that have an alert
    type. A label that is listed but has no alert type becomes `other`. `own` takes precedence over the table.
    """
    table = {**ALERT_TYPES, **{label.lower(): kind for label, kind in (own or {}).items()}}
    names = {name.strip().lower() for name in wanted}
    found: dict[int, AlertType] = {}
    for class_id, label in enumerate(labels):
        kind = table.get(label.lower())
        if label.lower() in names:
            found[class_id] = kind or AlertType.OTHER
        elif kind is not None and (not names or kind.value in names):
            found[class_id] = kind
    return found


def alert_types_of_prompts(prompts: Iterable[str]) -> dict[str, AlertType]:
    """Return the alert type of each prompt; prompts that the table does not contain become `other`."""
    return {prompt: ALERT_TYPES.get(prompt.strip().lower(), AlertType.OTHER) for prompt in prompts}


def unknown_classes(
    labels: tuple[str, ...], wanted: tuple[str, ...], own: Mapping[str, AlertType] | None = None
) -> list[str]:
    """Return the entries of `wanted` that the model cannot detect, so that the user can be warned."""
    kinds = alert_types_by_class_id(labels, own=own).values()
    known = {label.lower() for label in labels} | {kind.value for kind in kinds}
    return [name for name in wanted if name.strip().lower() not in known]
