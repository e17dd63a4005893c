"""The discovery message of a camera: one device with all its entities (device discovery of Home Assistant's MQTT
integration: https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload).

Entities are identified by the server's instance and the camera's id, so that a renamed camera keeps them.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from vigil_apps.home_assistant.core.states import CameraState, Message, Seen, key_of
from vigil_apps.home_assistant.core.topics import Topics
from vigil_contracts.names import AlertType, CameraPhase

Components = dict[str, dict[str, Any]]

ORIGIN_URL = "https://www.home-assistant.io/integrations/mqtt/"
LONGEST_STATE = 250
"""Home Assistant refuses states of more than 255 characters."""
NAMES = {
    AlertType.PERSON: "Person",
    AlertType.VEHICLE: "Vehicle",
    AlertType.ANIMAL: "Animal",
    AlertType.FIRE: "Fire",
    AlertType.SMOKE: "Smoke",
    AlertType.WEAPON: "Weapon",
    AlertType.VIOLENCE: "Violence",
    AlertType.OTHER: "Other object",
}


def components_of(camera: CameraState, counted: Iterable[Seen], topics: Topics) -> Components:
    """Return the entities of a camera by their keys; `counted`: the types and zones that its detector counts."""
    server = [{"topic": topics.server}]
    components: Components = {
        "alert": {
            "p": "event",
            "name": "Alert",
            "icon": "mdi:shield-alert",
            "state_topic": topics.of_camera(camera.id, "alert"),
            "event_types": [kind.value for kind in AlertType],
        },
        "image": {
            "p": "image",
            "name": "Last alert image",
            "image_topic": topics.of_camera(camera.id, "image"),
            "content_type": "image/jpeg",
        },
        "status": {
            "p": "sensor",
            "name": "Status",
            "icon": "mdi:cctv",
            "device_class": "enum",
            "entity_category": "diagnostic",
            "options": [phase.value for phase in CameraPhase],
            "state_topic": topics.of_camera(camera.id, "health"),
            "value_template": "{{ value_json.phase }}",
            "json_attributes_topic": topics.of_camera(camera.id, "health"),
        },
        "reason": {
            "p": "sensor",
            "name": "Status reason",
            "icon": "mdi:information-outline",
            "entity_category": "diagnostic",
            "state_topic": topics.of_camera(camera.id, "health"),
            "value_template": f"{{{{ value_json.message[:{LONGEST_STATE}] }}}}",
        },
    }
    if camera.can_switch:
        components["active"] = {
            "p": "switch",
            "name": "Detection",
            "icon": "mdi:shield-home",
            "state_topic": topics.of_camera(camera.id, "active"),
            "command_topic": topics.of_camera(camera.id, "active/set"),
            "optimistic": False,
        }
    components = {key: component | {"availability": server} for key, component in components.items()}
    for seen in counted:
        components |= _counted_components(camera, seen, topics)
    node = topics.node(camera.id)
    return {key: component | {"unique_id": f"{node}_{key}"} for key, component in components.items()}


def _counted_components(camera: CameraState, seen: Seen, topics: Topics) -> Components:
    """Return occupancy and number of one type, in the frame or in one zone."""
    key, (kind, zone) = key_of(seen), seen
    name = NAMES.get(kind, kind.value.replace("_", " ").capitalize()) + (f" in {zone}" if zone else "")
    common = {
        "state_topic": topics.of_camera(camera.id, "objects"),
        "availability": [{"topic": topics.server}, {"topic": topics.of_camera(camera.id, "availability")}],
        "availability_mode": "all",
    }
    occupancy = common | {
        "p": "binary_sensor",
        "name": name,
        "device_class": "occupancy",
        "value_template": f"{{{{ 'ON' if value_json['{key}'] | default(0) > 0 else 'OFF' }}}}",
    }
    count = common | {
        "p": "sensor",
        "name": f"{name} count",
        "icon": "mdi:counter",
        "state_class": "measurement",
        "enabled_by_default": not zone,
        "value_template": f"{{{{ value_json['{key}'] | default(0) }}}}",
    }
    return {key: occupancy, f"{key}_count": count}


def configuration_messages(
    camera: CameraState,
    components: Components,
    published: Mapping[str, str],
    topics: Topics,
    *,
    version: str,
    public_url: str,
) -> list[Message]:
    """Return the discovery messages of a camera.

    `published`: the platform of each entity that was published before. An entity that is merely left out would stay
    in Home Assistant for ever, so a first message names those that are gone with their platform only.
    """
    device: dict[str, Any] = {
        "ids": [topics.node(camera.id)],
        "name": camera.name,
        "mf": "Vigil",
        "mdl": "Camera",
    }
    if camera.site:
        device["sa"] = camera.site
    if public_url:
        device["cu"] = f"{public_url}/dashboard/cameras/{camera.id}/"
    body = {"dev": device, "o": {"name": "Vigil", "sw": version, "url": ORIGIN_URL}, "qos": 1, "cmps": components}
    gone = {key: {"p": platform} for key, platform in published.items() if key not in components}
    bodies = [body | {"cmps": components | gone}, body] if gone else [body]
    topic = topics.configuration(camera.id)
    return [Message(topic, json.dumps(one, ensure_ascii=False, sort_keys=True), is_retained=True) for one in bodies]
