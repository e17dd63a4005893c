"""The detector's settings: environment variables `VIGIL_…`, each declared once.

An invalid setting ends the program at the start, with one line that names the variable.
"""

import ipaddress
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import ByteSize, Field, SecretStr, TypeAdapter, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from vigil_contracts.addresses import AddressPolicy, Network

PREFIX = "VIGIL_"
_HTTP = ("http://", "https://")


class InvalidSettingError(Exception):
    """A setting is missing or invalid. The message is one line that names the variable and contains no secret."""


@contextmanager
def listening(setting: str, address: str, port: int) -> Iterator[None]:
    """Open a server on that address. Raises `InvalidSettingError`, which names the setting, if it is unavailable."""
    try:
        yield
    except OSError as error:
        raise InvalidSettingError(f"{setting}: {address}:{port} is unavailable; {error.strerror}") from None


class ModelSettings(BaseSettings):
    """The settings of every program that runs models."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True)

    model_device: str = Field(
        default="",
        description="Device of the models: cpu, cuda, cuda:1, intel-gpu, npu or auto. An unavailable device is an "
        "error, except with auto. Empty: cpu with OpenVINO, auto with ultralytics.",
    )
    model_precision: Literal["auto", "float32", "float16", "bfloat16"] = Field(
        default="auto", description="Numeric precision of the models; auto: the fastest on the device."
    )
    model_batch_size: int = Field(
        default=32,
        ge=1,
        le=128,
        description="Runtime ultralytics: at most so many frames are analysed together, of all cameras of this "
        "process. Less saves GPU memory. `.onnx` and `.engine` files run one frame at a time.",
    )
    model_sha256: str = Field(
        default="",
        pattern=r"^([0-9a-fA-F]{64})?$",
        description="SHA-256 of VIGIL_MODEL; required for a `.pt` file.",
    )
    model_pins: Annotated[dict[str, str], NoDecode] = Field(
        default={},
        description="SHA-256 of models that cameras name (weapons.pt=ab12…,yolov8s-worldv2=cd34…); a `.pt` without "
        "one is never loaded.",
    )

    model_int8: bool = Field(
        default=True,
        description="Whether a model that was converted from `.pt` is exchanged for an INT8 one, calibrated on "
        "frames of its own cameras, if that agrees with it and needs less processor time.",
    )

    metrics_port: int = Field(
        default=9464, ge=0, le=65535, description="Port of /metrics, /healthz and /readyz; 0: any free port."
    )
    metrics_address: str = Field(
        default="127.0.0.1", description="Address of that port. It has no authentication: use 0.0.0.0 in a pod only."
    )
    log_format: Literal["json", "text"] = Field(default="text", description="Format of log lines.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Minimum log level.")

    @field_validator("*", mode="before")
    @classmethod
    def _without_line_break(cls, value: object) -> object:
        """Remove trailing line breaks: a Secret created by `echo … | base64` has one."""
        return value.rstrip("\r\n") if isinstance(value, str) else value

    @field_validator("model_pins", mode="before")
    @classmethod
    def _pins(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pins = {}
        for item in filter(None, (part.strip() for part in value.split(","))):
            name, _, sha256 = item.rpartition("=")
            if not name.strip() or not re.fullmatch("[0-9a-fA-F]{64}", sha256.strip()):
                raise ValueError(f"must be NAME=SHA256 separated by commas, the hash as 64 hex digits; not {item!r}")
            pins[name.strip()] = sha256.strip().lower()
        return pins


class Settings(ModelSettings):
    """All settings of a detector."""

    api_url: str = Field(default="http://127.0.0.1:8000", description="URL of the API, without `/api`.")
    token: SecretStr = Field(default=SecretStr(""), description="The API token. Prefer VIGIL_TOKEN_FILE.")
    token_file: Path | None = Field(
        default=None, description="File with the API token; read again when the API rejects the token (rotation)."
    )
    api_ca_file: Path | None = Field(
        default=None,
        description="The only certificates (PEM) to trust for an API on https; default: the public CAs.",
    )
    group: str = Field(
        default="", max_length=64, description="Poll mode: analyse the cameras of this group; empty: all."
    )

    model: str = Field(
        default="",
        description="Model for cameras that name none: a path or name; empty: yolov8n, or an error with an inference "
        "server, which has no default.",
    )
    runtime: Literal["", "openvino", "ultralytics", "triton"] = Field(
        default="",
        description="Model runtime: openvino, ultralytics or triton (with VIGIL_TRITON_URL); empty: depends on the "
        "kind of file and the installed packages.",
    )
    triton_url: str = Field(
        default="",
        description="Triton Inference Server (http://host:8000), or another that speaks KServe's protocol, that runs "
        "the models; a model's name is then its name there. Empty: they run in this process.",
    )

    shadow_model: str = Field(
        default="",
        max_length=500,
        description="A model to compare with VIGIL_MODEL: it analyses the same frames of cameras that name no model, "
        "and creates no alerts. On Kubernetes, set DetectorClass.spec.rollout instead. Empty: none.",
    )
    shadow_model_sha256: str = Field(
        default="", pattern=r"^([0-9a-fA-F]{64})?$", description="SHA-256 of VIGIL_SHADOW_MODEL, as for VIGIL_MODEL."
    )
    shadow_trial: str = Field(
        default="", max_length=64, description="Id of the comparison; results of another id are not added to it."
    )

    spool_dir: Path = Field(
        default=Path("spool"),
        description="Folder on a persistent disk in which alerts wait until the API has stored them.",
    )
    spool_max_bytes: ByteSize = Field(
        default=ByteSize(1024**3),
        gt=0,
        description="Above this size the oldest waiting alerts are dropped and counted.",
    )
    spool_max_age_hours: float = Field(
        default=168.0, gt=0, le=24 * 3650, description="Alerts that have waited longer are dropped."
    )

    recording_dir: Path | None = Field(
        default=None,
        description="The backend's MEDIA_DIR, if this detector can write to it: recordings are stored there. Empty: "
        "they are uploaded to the backend's S3 bucket.",
    )
    recording_spool_max_bytes: ByteSize | None = Field(
        default=None,
        gt=0,
        description="Above this size the oldest recordings in SPOOL_DIR that could not be stored are dropped, and "
        "shown as a gap. Empty: what waiting alerts leave of SPOOL_MAX_BYTES.",
    )

    detector_name: str = Field(
        default_factory=socket.gethostname, max_length=253, description="This detector's name in the API."
    )

    stream_allowed_networks: Annotated[tuple[Network, ...], NoDecode] = Field(
        default=(),
        description="Networks that streams may come from (10.0.0.0/8,192.168.1.7); empty: any but this machine "
        "itself, link-local, multicast and reserved addresses.",
    )
    stream_allow_loopback: bool = Field(
        default=False, description="Also permit streams from this machine itself (127.0.0.0/8, ::1)."
    )
    rtsps_ca_file: Path | None = Field(
        default=None, description="Certificates (PEM) to trust for rtsps cameras; default: the system's."
    )
    stream_open_timeout_seconds: float = Field(
        default=10.0, gt=0, le=60, description="Time-out for the first packet."
    )
    stream_read_timeout_seconds: float = Field(default=10.0, gt=0, le=60, description="Time-out for the next packet.")
    hardware_decoder: Literal["software", "nvdec", "vaapi", "qsv"] = Field(
        default="software",
        description="Video decoder: software (the CPU), nvdec, vaapi or qsv. An unavailable decoder is an error; a "
        "codec that it does not support is decoded in software.",
    )
    frozen_after_seconds: float = Field(
        default=20.0,
        ge=0,
        le=86_400,
        description="A camera whose frame is unchanged for this long counts as frozen; 0: never.",
    )
    offline_alert_after_seconds: float = Field(
        default=60.0,
        ge=0,
        le=7 * 86_400,
        description="A camera without frames for this long creates a camera_offline alert; 0: never.",
    )
    clip_seconds_before: float = Field(
        default=5.0,
        ge=0,
        le=30,
        description="Length of a clip before its alert; 0 for this and the next setting disables clips.",
    )
    clip_seconds_after: float = Field(default=5.0, ge=0, le=30, description="Length of a clip after its alert.")
    clip_max_bytes: ByteSize = Field(
        default=ByteSize(16 * 1024**2),
        ge=0,
        le=16 * 1024**2,
        description="Maximum size of a clip, and of a camera's packets that are kept for it; 0 disables clips.",
    )
    poll_interval_seconds: float = Field(
        default=2.0, gt=0, le=8, description="Interval at which the API is polled for changes."
    )
    heartbeat_interval_seconds: float = Field(default=10.0, gt=0, le=60, description="Interval of heartbeats.")

    @field_validator("api_url")
    @classmethod
    def _is_http(cls, value: str) -> str:
        if not value.startswith(_HTTP):
            raise ValueError("must begin with http:// or https://")
        return value.rstrip("/")

    @field_validator("triton_url")
    @classmethod
    def _is_server(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (not value.startswith(_HTTP) or not parts.hostname or "@" in parts.netloc or parts.query):
            raise ValueError("must be like http://host:8000, with no user, password or query")
        return value.rstrip("/")

    @field_validator("hardware_decoder", mode="before")
    @classmethod
    def _is_decoder(cls, value: object) -> object:
        """Take the empty value, and libav's own name of NVDEC."""
        return {"": "software", "cuda": "nvdec"}.get(value, value) if isinstance(value, str) else value

    @field_validator("stream_allowed_networks", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return tuple(ipaddress.ip_network(item.strip()) for item in value.split(",") if item.strip())
        except ValueError as error:
            raise ValueError(f"must be networks like 10.0.0.0/8, separated by commas; {error}") from None

    @field_validator("token_file", "api_ca_file", "rtsps_ca_file")
    @classmethod
    def _is_file(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError(f"must be a file, but {value} is not")
        return value

    @model_validator(mode="after")
    def _has_token(self) -> Self:
        if self.token_file is None and not self.token.get_secret_value():
            raise ValueError("set VIGIL_TOKEN_FILE (or VIGIL_TOKEN) to an API token for pipelines or of one camera")
        return self

    @model_validator(mode="after")
    def _has_server(self) -> Self:
        if self.runtime == "triton" and not self.triton_url:
            raise ValueError("set VIGIL_TRITON_URL where VIGIL_RUNTIME is triton")
        return self

    def read_token(self) -> str:
        """Return the current token. Raises OSError if the file cannot be read."""
        if self.token_file is not None:
            return self.token_file.read_text(encoding="utf-8").strip()
        return self.token.get_secret_value()

    def address_policy(self) -> AddressPolicy:
        """Return which addresses streams may come from."""
        return AddressPolicy(self.stream_allowed_networks, self.stream_allow_loopback)


Declared = TypeVar("Declared", bound=BaseSettings)


def load_settings() -> Settings:
    """Read the detector's settings from the environment. Raises `InvalidSettingError` for the first invalid one."""
    return read_settings(Settings)


def read_settings(declared: type[Declared]) -> Declared:
    """Read the settings of a program from the environment. Raises `InvalidSettingError` for the first invalid one."""
    try:
        return declared()
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        message = str(first["msg"]).removeprefix("Value error, ")
        name = f"{PREFIX}{str(first['loc'][0]).upper()}: " if first["loc"] else ""
        raise InvalidSettingError(f"{name}{message}") from None


def describe_settings(declared: type[BaseSettings] = Settings) -> str:
    """Return one paragraph per setting, for `--help`."""
    lines = []
    for name, info in declared.model_fields.items():
        default = "" if info.default_factory or info.is_required() else TypeAdapter(object).dump_python(info.default)
        shown = f" [{default}]" if default not in ("", None, (), {}) and name != "token" else ""
        lines.append(f"  {PREFIX}{name.upper()}{shown}\n      {info.description}")
    return "\n".join(lines)
