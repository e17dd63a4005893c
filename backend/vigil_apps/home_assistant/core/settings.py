"""The settings of the integration, and the broker's address."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

PORTS = {"mqtt": 1883, "mqtts": 8883}
Ids = Annotated[tuple[Annotated[int, Field(ge=1, le=2**63 - 1)], ...], Field(max_length=1000)]


class HomeAssistantSettings(BaseModel):
    """All settings that an administrator can change, except the broker's URL."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid", frozen=True)

    is_enabled: bool = False
    discovery_prefix: str = Field(default="homeassistant", min_length=1, max_length=100)
    sites: Ids = ()
    acts_as: str = Field(default="", max_length=150)

    @field_validator("discovery_prefix")
    @classmethod
    def _is_topic(cls, prefix: str) -> str:
        if any(character in prefix for character in "+#\x00") or prefix.strip("/") != prefix or prefix[0] == "$":
            raise ValueError("must be a topic such as homeassistant, without +, # and a / or $ at its ends")
        return prefix


@dataclass(frozen=True, slots=True)
class Broker:
    """Where to connect. `is_trusted`: the server's environment names it, so its address needs no permission."""

    host: str
    port: int
    has_tls: bool
    username: str | None
    password: str
    is_trusted: bool = False

    @classmethod
    def of_url(cls, url: str, *, password: str = "", is_trusted: bool = False) -> "Broker":
        """Return the broker of a valid URL such as mqtts://user:password@host:8883."""
        parts = urlsplit(url)
        scheme = parts.scheme.lower()
        username = unquote(parts.username) if parts.username is not None else None
        return cls(
            host=parts.hostname or "",
            port=parts.port or PORTS[scheme],
            has_tls=scheme == "mqtts",
            username=username,
            password=password or unquote(parts.password or ""),
            is_trusted=is_trusted,
        )
