"""Every setting of the backend, declared once, read from the environment (`VIGIL_…` and `DATABASE_URL`).

Nothing here has an unsafe default: there is no default secret key, cookies are secure, hosts are named.
"""

from functools import cached_property
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import dj_database_url
import limits
from django.core.exceptions import ImproperlyConfigured
from django.http.request import split_domain_port
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from vigil_contracts.addresses import AddressPolicy, PublicAddresses

CommaSeparated = Annotated[tuple[str, ...], NoDecode]


QUOTAS = {
    (things, holder): f"max_{things}_per_{holder}"
    for things, holders in {
        **dict.fromkeys(("cameras", "zones", "rules"), ("user", "site")),
        **dict.fromkeys(("subscriptions", "tokens", "sites", "invitations"), ("user",)),
    }.items()
    for holder in holders
}
"""The settings of `vigil_apps.web.quotas`: fields, by what is counted and for whom."""


class Environment(BaseSettings):
    """The settings; `load` reads them and names the variable that is wrong."""

    model_config = SettingsConfigDict(env_prefix="VIGIL_", extra="ignore", hide_input_in_errors=True)

    data_dir: Path = Field(default=Path("data"), description="Directory of the SQLite database and of pictures.")
    media_dir: Path | None = Field(
        default=None, description="Directory of pictures and clips; default: `media` in DATA_DIR."
    )
    media_accel_prefix: str = Field(
        default="",
        pattern=r"^(/[A-Za-z0-9_\-/]+/)?$",
        description="nginx in front sends the files of MEDIA_DIR from this internal location, as in "
        "/protected-media/ (X-Accel-Redirect). Empty: the backend sends them itself.",
    )
    s3_bucket: str = Field(
        default="", description="Pictures and clips are kept in this S3 bucket. Empty: in MEDIA_DIR."
    )
    s3_endpoint_url: str = Field(
        default="", description="Of an S3 other than Amazon's, as in https://s3.example:9000."
    )
    s3_region: str = Field(default="us-east-1", description="The bucket's region.")
    s3_prefix: str = Field(default="", description="What every key in the bucket begins with.")
    s3_addressing_style: Literal["auto", "path", "virtual"] = Field(
        default="auto", description="`path` for most servers that are not Amazon's."
    )
    s3_access_key_id: str = Field(default="", description="Empty: the ways of the AWS SDK, such as a pod's role.")
    s3_secret_access_key: SecretStr | None = Field(default=None, description="The secret key that belongs to it.")
    s3_secret_access_key_file: Path | None = Field(default=None, description="A file that holds the secret key.")
    s3_link_seconds: int = Field(
        default=300,
        ge=0,
        le=3600,
        description="Browsers get pictures and clips from S3 by links that are good for so long. 0: the backend "
        "passes them on, for an S3 that browsers cannot reach.",
    )
    s3_public_endpoint_url: str = Field(
        default="", description="The endpoint in these links, where browsers reach S3 by another name."
    )
    s3_cdn_domain: str = Field(default="", description="A CloudFront domain before the bucket, for these links.")
    s3_cdn_key_id: str = Field(default="", description="The id of the CloudFront key that signs them.")
    s3_cdn_key_file: Path | None = Field(default=None, description="A file that holds its private key, PEM.")
    database_url: SecretStr | None = Field(
        default=None, validation_alias="DATABASE_URL", description="postgres://…; default: SQLite in DATA_DIR."
    )

    database_is_pooled: bool = Field(
        default=False,
        description="PgBouncer stands before PostgreSQL and gives out connections for one transaction at a time.",
    )

    secret_key: SecretStr | None = Field(default=None, description="Signs sessions. Changing it logs everybody out.")
    secret_key_file: Path | None = Field(default=None, description="A file that holds the secret key.")
    credential_keys: SecretStr | None = Field(
        default=None,
        description="Fernet keys for stream URLs, comma-separated, newest first. Losing them loses the URLs.",
    )
    credential_keys_file: Path | None = Field(default=None, description="A file of such keys, one a line.")

    debug: bool = Field(default=False, description="Django's DEBUG. Never where others can reach it.")
    insecure_http: bool = Field(
        default=False, description="Cookies work without TLS. For one machine's own browser (loopback) only."
    )
    behind_tls_proxy: bool = Field(
        default=False, description="A proxy in front ends TLS and sets X-Forwarded-Proto, removing a client's own."
    )
    hsts: bool = Field(
        default=True,
        description="Browsers are told to use https alone for a year (HSTS). 0 with a certificate that they do not "
        "know: HSTS takes away the button that accepts it.",
    )
    allowed_hosts: CommaSeparated = Field(
        default=("localhost", "127.0.0.1"),
        description="Host names under which the backend is reached, besides that of PUBLIC_URL.",
    )
    csrf_trusted_origins: CommaSeparated = Field(
        default=(), description="Origins such as https://vigil.example, besides that of PUBLIC_URL."
    )
    admin_enabled: bool = Field(default=True, description="Whether Django's admin is served.")
    admin_path: str = Field(default="admin/", pattern=r"^[A-Za-z0-9_\-/]+/$", description="Its path, ending with /.")

    token_lifetime_days: int = Field(
        default=90, ge=1, le=3650, description="How long a token from `POST /api/token/` is good."
    )
    camera_networks: CommaSeparated = Field(
        default=(),
        description="Only in these networks may cameras be, as in 10.0.0.0/8. Empty: anywhere but on this machine, "
        "and on link-local and cloud metadata addresses.",
    )
    camera_allow_loopback: bool = Field(default=False, description="Cameras may be on this machine, as in a demo.")
    rate_per_camera: str = Field(
        default="1200/minute", description="Alerts of one camera; more are answered with 429 and come later."
    )
    rate_per_token: str = Field(default="6000/minute", description="Requests of one user's or detector's token.")
    rate_per_address: str = Field(
        default="60/minute", description="Requests of one address to what asks for no token, such as `/api/token/`."
    )
    public_url: str = Field(
        default="",
        pattern=r"^(https?://[^\s/]+)?/?$",
        description="Where people reach the dashboard, as in https://vigil.example; notifications link to it, and "
        "its host and origin are allowed.",
    )
    notify_networks: CommaSeparated = Field(
        default=(),
        description="Private networks that notifications may go to besides the internet, as in 192.168.1.0/24.",
    )
    notify_give_up_hours: float = Field(
        default=24, gt=0, le=24 * 30, description="A message that nobody confirms is given up after this time."
    )
    worker_metrics_port: int = Field(
        default=0, ge=0, le=65535, description="Port of the metrics of a Celery worker; 0: none."
    )
    vapid_key: SecretStr | None = Field(
        default=None, description="Web Push's private key; `manage.py make_vapid_key` makes one. None: no Web Push."
    )
    vapid_key_file: Path | None = Field(default=None, description="A file that holds the key.")
    email_host: str = Field(default="", description="Mail relay for notifications; empty: no e-mail.")
    email_port: int = Field(default=587, ge=1, le=65535, description="Its port.")
    email_security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="TLS after a greeting (port 587), from the start (465), or none at all."
    )
    email_user: str = Field(default="", description="User name at the relay, if it asks for one.")
    email_password: SecretStr | None = Field(default=None, description="Password at the relay.")
    email_password_file: Path | None = Field(default=None, description="A file that holds it.")
    email_from: str = Field(
        default="vigil@localhost", description="Sender of mails, as in Vigil <vigil@example.org>."
    )
    retention_days: int | None = Field(
        default=30,
        ge=1,
        le=3650,
        description="Alerts older than so many days are deleted, where their camera says nothing else. Empty: never.",
    )
    retention_megabytes: int | None = Field(
        default=None,
        ge=1,
        description="Pictures and clips of each camera take no more than so many MB, where it says nothing else.",
    )
    media_max_used_percent: int = Field(
        default=90,
        ge=1,
        le=100,
        description="Once the disk of MEDIA_DIR is fuller, the oldest resolved alerts of any camera are deleted. "
        "100: never for that.",
    )
    housekeeping: bool = Field(
        default=True,
        description="The backend applies retention and sweeps by itself. 0: `manage.py` does, by cron or a CronJob.",
    )
    max_cameras_per_user: int | None = Field(default=2000, ge=1, description="Cameras of one user. Empty: no limit.")
    max_cameras_per_site: int | None = Field(default=2000, ge=1, description="Cameras of one site. Empty: no limit.")
    max_zones_per_user: int | None = Field(
        default=10_000, ge=1, description="Zones in all cameras of one user. Empty: no limit."
    )
    max_zones_per_site: int | None = Field(
        default=10_000, ge=1, description="Zones in all cameras of one site. Empty: no limit."
    )
    max_rules_per_user: int | None = Field(
        default=10_000, ge=1, description="Rules in all cameras of one user. Empty: no limit."
    )
    max_rules_per_site: int | None = Field(
        default=10_000, ge=1, description="Rules in all cameras of one site. Empty: no limit."
    )
    max_subscriptions_per_user: int | None = Field(
        default=100, ge=1, description="Subscriptions of one user. Empty: no limit."
    )
    max_tokens_per_user: int | None = Field(
        default=500, ge=1, description="Tokens that one user made and that have not ended. Empty: no limit."
    )
    max_sites_per_user: int | None = Field(
        default=100,
        ge=1,
        description="Sites of which a user is an admin and may still make another. Empty: no limit.",
    )
    max_invitations_per_user: int | None = Field(
        default=500, ge=1, description="Open invitations of one user. Empty: no limit."
    )
    rate_probes: str = Field(default="30/minute", description="Tries at cameras' streams that one user asks for.")
    media_server_url: str = Field(
        default="",
        max_length=500,
        description="Where a media server (MediaMTX, go2rtc) plays a camera, as in "
        "https://media.example/camera-{camera}/whep; {camera} stands for the camera's id.",
    )
    media_hls_url: str = Field(
        default="",
        max_length=500,
        description="Where it plays a camera by HLS, for browsers that WebRTC does not reach, as in "
        "https://media.example/hls/camera-{camera}/index.m3u8.",
    )
    redis_url: SecretStr | None = Field(
        default=None,
        validation_alias="REDIS_URL",
        description="redis://…: cache and rate limits of all processes together, and Celery sends the notifications. "
        "Default: each process its own, and a thread sends them.",
    )
    self_registration: bool = Field(
        default=False, description="Whether anybody who reaches the backend may make an account of their own."
    )
    remote_user_header: str = Field(
        default="",
        pattern=r"^([A-Za-z][A-Za-z0-9-]*)?$",
        description="Header in which a proxy in front names who is signed in, such as X-Forwarded-User. It "
        "must remove a client's own. Empty: people sign in here, with a password.",
    )
    max_request_bytes: int = Field(
        default=18 * 1024 * 1024, ge=64 * 1024, description="A request with a longer body is refused with 413."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", description="Least level logged.")
    log_format: Literal["json", "text"] = Field(default="json", description="One JSON object a line, or plain text.")

    @field_validator("media_server_url", "media_hls_url")
    @classmethod
    def _names_the_camera(cls, value: str) -> str:
        if value and (not value.startswith(("https://", "http://")) or "{camera}" not in value):
            raise ValueError(
                "must be like https://media.example/{camera}/whep, with {camera} in it, or empty for none"
            )
        return value

    @field_validator("rate_per_camera", "rate_per_token", "rate_per_address", "rate_probes")
    @classmethod
    def _is_rate(cls, value: str) -> str:
        if value:
            try:
                limits.parse(value)
            except ValueError:
                raise ValueError("must be like 600/minute, or empty for no limit") from None
        return value

    @field_validator("camera_networks", "notify_networks")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            try:
                ip_network(text)
            except ValueError:
                raise ValueError("must be networks like 10.0.0.0/8, with commas between them") from None
        return value

    @field_validator("*", mode="before")
    @classmethod
    def _without_line_break(cls, value: object) -> object:
        """Leave out line breaks at the end: a Secret made by `echo … | base64` has one."""
        return value.rstrip("\r\n") if isinstance(value, str) else value

    @field_validator("retention_days", "retention_megabytes", *QUOTAS.values(), mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("allowed_hosts", "csrf_trusted_origins", "camera_networks", "notify_networks", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @cached_property
    def secret_key_text(self) -> str:
        """The secret key; empty when none is set (Django then refuses to use it)."""
        return _secret(self.secret_key, self.secret_key_file, "VIGIL_SECRET_KEY_FILE")

    @cached_property
    def s3_secret(self) -> str:
        """The secret key of the bucket; empty when none is set."""
        return _secret(self.s3_secret_access_key, self.s3_secret_access_key_file, "VIGIL_S3_SECRET_ACCESS_KEY_FILE")

    @cached_property
    def credential_key_list(self) -> tuple[str, ...]:
        """The Fernet keys, newest first; empty when none is set."""
        text = _secret(self.credential_keys, self.credential_keys_file, "VIGIL_CREDENTIAL_KEYS_FILE")
        return tuple(text.replace(",", " ").split())

    @property
    def hosts(self) -> tuple[str, ...]:
        """Every host name under which the backend is reached."""
        public = split_domain_port(urlsplit(self.public_url).netloc)[0]
        return _without_repeats((*self.allowed_hosts, public))

    @property
    def trusted_origins(self) -> tuple[str, ...]:
        """Every origin whose forms are accepted (CSRF)."""
        return _without_repeats((*self.csrf_trusted_origins, self.public_url.rstrip("/")))

    @property
    def camera_addresses(self) -> AddressPolicy:
        """Where cameras may be."""
        return AddressPolicy(tuple(map(ip_network, self.camera_networks)), self.camera_allow_loopback)

    @property
    def notify_addresses(self) -> PublicAddresses:
        """Where notifications may go."""
        return PublicAddresses(tuple(map(ip_network, self.notify_networks)))

    @cached_property
    def vapid_key_text(self) -> str:
        """Web Push's private key; empty when none is set."""
        return _secret(self.vapid_key, self.vapid_key_file, "VIGIL_VAPID_KEY_FILE")

    @cached_property
    def email_password_text(self) -> str:
        """The mail relay's password; empty when none is set."""
        return _secret(self.email_password, self.email_password_file, "VIGIL_EMAIL_PASSWORD_FILE")

    @property
    def redis(self) -> str:
        """The URL of Redis; empty when there is none."""
        return self.redis_url.get_secret_value() if self.redis_url is not None else ""

    @property
    def media_root(self) -> Path:
        """Where pictures and clips are kept, if not in S3."""
        return (self.media_dir or self.data_dir / "media").absolute()

    def database(self) -> dict[str, Any]:
        """Django's entry for the database."""
        if self.database_url is not None and self.database_url.get_secret_value():
            try:
                parsed = dj_database_url.parse(self.database_url.get_secret_value(), conn_max_age=0)
            except (dj_database_url.ParseError, ValueError):
                # The reason is left out: it would repeat the URL with its password.
                raise ImproperlyConfigured(
                    "DATABASE_URL cannot be read; it must be like postgres://user:password@host:5432/name"
                ) from None
            if "sqlite3" not in parsed.get("ENGINE", ""):
                return {
                    **parsed,
                    "ENGINE": "surveillance_backend.postgresql_pool",
                    # A cursor kept on the server would belong to the next client after its transaction.
                    "DISABLE_SERVER_SIDE_CURSORS": self.database_is_pooled,
                }
            name = str(parsed["NAME"])
            return sqlite_database(name if name == ":memory:" else Path(name))
        return sqlite_database(self.data_dir.absolute() / "vigil.sqlite3")


def _without_repeats(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))


def sqlite_database(path: Path | str) -> dict[str, Any]:
    """SQLite as a server needs it.

    WAL: readers go on while one writes. IMMEDIATE: a transaction takes the write lock at its start, where waiting
    works, and not in its middle, where SQLite fails at once. FULL: what was answered with 2xx survives a power cut.
    """
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,  # seconds to wait for the write lock
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-16000;",
        },
    }


def load() -> Environment:
    """Reads the environment. Raises ImproperlyConfigured that names each wrong variable and no value."""
    try:
        return Environment()
    except ValidationError as error:
        problems = "; ".join(f"{_variable(item['loc'])}: {item['msg']}" for item in error.errors(include_input=False))
        raise ImproperlyConfigured(problems) from None


def _variable(location: tuple[int | str, ...]) -> str:
    name = str(location[0])
    return name if name in {"DATABASE_URL", "REDIS_URL"} else f"VIGIL_{name.upper()}"


def _secret(value: SecretStr | None, file: Path | None, variable: str) -> str:
    if value is not None:
        return value.get_secret_value().strip()
    if file is None:
        return ""
    try:
        return file.read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{variable}: {file} cannot be read: {error.strerror}") from error
