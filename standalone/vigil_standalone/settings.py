"""The settings of `vigil run`, from the environment (`make run NAME=value` sets it)."""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from cctv.detectors.model_files import DEMO_MODEL, model_problem
from vigil_contracts.stream_url import validate_stream_url


class Settings(BaseSettings):
    """Each setting, declared once. An unset or empty variable means its default."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", hide_input_in_errors=True)

    camera: SecretStr | None = Field(
        default=None, description="RTSP URL of one's own camera, added at the start if it is not there yet."
    )
    model: str = Field(
        default="yolov8n",
        description="Model for every camera but the demo one: a name, or the path of a folder with an OpenVINO"
        " export, or of a .xml, .onnx or .pt file.",
    )
    port: int = Field(default=8000, ge=1, le=65535, description="Port of the dashboard and the API.")
    host: str = Field(
        default="127.0.0.1",
        description="Address to listen on: 0.0.0.0 for phones and computers of the network, over TLS.",
    )
    vigil_public_url: str = Field(
        default="", description="https://… where a reverse proxy in front is reached; links lead there."
    )
    vigil_allowed_hosts: str = Field(
        default="", description="More host names under which the dashboard is reached, with commas between them."
    )
    demo: bool = Field(default=True, description="Whether the demo camera runs.")
    vigil_data_dir: Path = Field(
        default=Path("data"), description="Where the database, images, spool and secrets are stored."
    )

    @field_validator("camera")
    @classmethod
    def _is_stream_url(cls, value: SecretStr | None) -> SecretStr | None:
        return None if value is None else SecretStr(validate_stream_url(value.get_secret_value()))

    @field_validator("model")
    @classmethod
    def _is_usable_model(cls, value: str) -> str:
        if problem := model_problem(Path(value).expanduser() if "/" in value else value):
            raise ValueError(problem)
        path = Path(value).expanduser()
        # A clone has a folder with the same name as the demo model.
        return str(path.absolute()) if value != DEMO_MODEL and path.exists() else value

    @field_validator("host")
    @classmethod
    def _is_address(cls, value: str) -> str:
        try:
            address = ip_address("127.0.0.1" if value == "localhost" else value)
        except ValueError:
            raise ValueError(
                "must be an IP address of this machine, 0.0.0.0 for its whole network, or 127.0.0.1; some shells "
                "set HOST to the machine's name: `unset HOST`"
            ) from None
        if address.is_loopback and str(address) != "127.0.0.1":
            raise ValueError("must be 127.0.0.1 for this machine alone, or an address that others reach")
        return str(address)

    @field_validator("vigil_public_url")
    @classmethod
    def _is_https(cls, value: str) -> str:
        if value and not re.fullmatch(r"https://[^\s/@]+/?", value):
            raise ValueError("must be like https://vigil.example, without a path")
        return value

    @field_validator("vigil_data_dir")
    @classmethod
    def _is_absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()


def exposure_problem(environment: Mapping[str, str]) -> str | None:
    """Return a warning if the camera's URL is among make's arguments: `ps` shows them to every user."""
    if "CAMERA=" not in environment.get("MAKEFLAGS", ""):
        return None
    return (
        "warning: CAMERA is an argument of make, so `ps` shows its password to every user of this machine;"
        " put it in front instead: CAMERA='rtsp://…' make run"
    )


class InvalidSettingsError(ValueError):
    """One line per invalid variable; never its value, which may contain a password."""


def load() -> Settings:
    """Return the settings. Raises `InvalidSettingsError`."""
    try:
        return Settings()
    except ValidationError as error:
        lines = [
            f"{str(problem['loc'][0]).upper()}: {problem['msg'].removeprefix('Value error, ')}"
            for problem in error.errors(include_input=False, include_url=False)
        ]
        raise InvalidSettingsError("\n".join(lines)) from None
