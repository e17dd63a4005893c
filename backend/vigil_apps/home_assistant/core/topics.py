"""The MQTT topics of one Vigil server."""

from dataclasses import dataclass

ONLINE, OFFLINE = "online", "offline"


@dataclass(frozen=True, slots=True)
class Topics:
    """`instance` distinguishes several Vigil servers at one broker; `prefix` is Home Assistant's discovery prefix."""

    instance: str
    prefix: str

    @property
    def server(self) -> str:
        """Return the topic of this server's availability, which is also its last will."""
        return f"vigil/{self.instance}/status"

    @property
    def birth(self) -> str:
        """Return the topic on which Home Assistant announces its start."""
        return f"{self.prefix}/status"

    @property
    def all_switches(self) -> str:
        """Return the filter that matches the command topics of all cameras."""
        return f"vigil/{self.instance}/+/active/set"

    def node(self, camera_id: int) -> str:
        """Return the identifier of a camera's device; it does not depend on the camera's name."""
        return f"vigil_{self.instance}_{camera_id}"

    def configuration(self, camera_id: int) -> str:
        """Return the discovery topic of a camera's device."""
        return f"{self.prefix}/device/{self.node(camera_id)}/config"

    def of_camera(self, camera_id: int, name: str) -> str:
        """Return the topic of one of a camera's states."""
        return f"vigil/{self.instance}/{camera_id}/{name}"

    def switched_camera(self, topic: str) -> int | None:
        """Return the id of the camera that a command topic names."""
        parts = topic.split("/")
        if len(parts) != 5 or parts[:2] != ["vigil", self.instance] or parts[3:] != ["active", "set"]:
            return None
        return int(parts[2]) if parts[2].isascii() and parts[2].isdecimal() and len(parts[2]) < 19 else None
