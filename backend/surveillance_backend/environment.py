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
from vigil_contracts.clusters import CLUSTER_NAME
from vigil_contracts.recording import RecordingMode

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
    """The settings. `load` reads them; its errors name the invalid variable."""

    model_config = SettingsConfigDict(env_prefix="VIGIL_", extra="ignore", hide_input_in_errors=True)

    data_dir: Path = Field(default=Path("data"), description="Directory of the SQLite database, images and clips.")
    media_dir: Path | None = Field(
        default=None, description="Directory of images and clips; default: `media` in DATA_DIR."
    )
    media_accel_prefix: str = Field(
        default="",
        pattern=r"^(/[A-Za-z0-9_\-/]+/)?$",
        description="Internal location from which nginx sends the files of MEDIA_DIR (X-Accel-Redirect), for example "
        "/protected-media/. Empty: the backend sends them itself.",
    )
    s3_bucket: str = Field(
        default="", description="S3 bucket for images and clips. Empty: they are stored in MEDIA_DIR."
    )
    s3_endpoint_url: str = Field(
        default="", description="Endpoint of an S3 server other than Amazon's, for example https://s3.example:9000."
    )
    s3_region: str = Field(default="us-east-1", description="The bucket's region.")
    s3_prefix: str = Field(default="", description="Prefix of all keys in the bucket.")
    s3_addressing_style: Literal["auto", "path", "virtual"] = Field(
        default="auto", description="`path` for most S3 servers other than Amazon's."
    )
    s3_access_key_id: str = Field(
        default="", description="Access key id. Empty: the AWS SDK's default credentials, such as a pod's role."
    )
    s3_secret_access_key: SecretStr | None = Field(default=None, description="Secret key for S3_ACCESS_KEY_ID.")
    s3_secret_access_key_file: Path | None = Field(default=None, description="File with the secret key.")
    s3_link_seconds: int = Field(
        default=300,
        ge=0,
        le=3600,
        description="How long browsers can use a link to an image or clip in S3. 0: the backend relays the "
        "files, for an S3 server that browsers cannot reach.",
    )
    s3_public_endpoint_url: str = Field(
        default="", description="Endpoint in these links, if browsers reach S3 under another name."
    )
    s3_cdn_domain: str = Field(default="", description="CloudFront domain in front of the bucket, for these links.")
    s3_cdn_key_id: str = Field(default="", description="Id of the CloudFront key that signs these links.")
    s3_cdn_key_file: Path | None = Field(
        default=None, description="File with the private key of S3_CDN_KEY_ID, in PEM format."
    )
    database_url: SecretStr | None = Field(
        default=None, validation_alias="DATABASE_URL", description="postgres://…; default: SQLite in DATA_DIR."
    )

    database_is_pooled: bool = Field(
        default=False,
        description="Set to 1 if PgBouncer with transaction pooling is in front of PostgreSQL.",
    )

    secret_key: SecretStr | None = Field(default=None, description="Signs sessions. Changing it signs out all users.")
    secret_key_file: Path | None = Field(default=None, description="File with the secret key.")
    credential_keys: SecretStr | None = Field(
        default=None,
        description="Fernet keys for stream URLs, comma-separated, newest first. Without them the URLs are lost.",
    )
    credential_keys_file: Path | None = Field(default=None, description="File with such keys, one per line.")

    debug: bool = Field(
        default=False, description="Django's DEBUG. Never enable it on a server that others can reach."
    )
    insecure_http: bool = Field(
        default=False, description="Allow cookies without TLS. Only for a browser on the same machine (loopback)."
    )
    behind_tls_proxy: bool = Field(
        default=False, description="Set to 1 if a proxy in front terminates TLS and overwrites X-Forwarded-Proto."
    )
    hsts: bool = Field(
        default=True,
        description="Send HSTS: browsers use only https for a year. Set to 0 with a certificate that browsers do "
        "not trust, because HSTS removes the option to accept it.",
    )
    allowed_hosts: CommaSeparated = Field(
        default=("localhost", "127.0.0.1"),
        description="Host names of the backend, in addition to that of PUBLIC_URL.",
    )
    csrf_trusted_origins: CommaSeparated = Field(
        default=(), description="Origins such as https://vigil.example, in addition to that of PUBLIC_URL."
    )
    admin_enabled: bool = Field(default=True, description="Enable Django's admin site.")
    admin_path: str = Field(
        default="admin/", pattern=r"^[A-Za-z0-9_\-/]+/$", description="Path of the admin site, ending with /."
    )

    token_lifetime_days: int = Field(
        default=90, ge=1, le=3650, description="Lifetime of a token from `POST /api/token/`."
    )
    camera_networks: CommaSeparated = Field(
        default=(),
        description="Networks in which cameras are permitted, for example 10.0.0.0/8. Empty: all except this "
        "machine, link-local and cloud metadata addresses.",
    )
    camera_allow_loopback: bool = Field(
        default=False, description="Permit cameras on this machine, for example in a demo."
    )
    default_cluster: str = Field(
        default="",
        pattern=CLUSTER_NAME,
        description="Name of the Kubernetes cluster that watches cameras without a cluster. Empty: the first cluster "
        "whose operator asks for such a camera.",
    )
    rate_per_camera: str = Field(
        default="1200/minute",
        description="Limit for the alerts of one camera. Further alerts are answered with 429 and sent again later.",
    )
    rate_per_token: str = Field(
        default="6000/minute", description="Limit for requests with the token of a user or detector."
    )
    rate_per_address: str = Field(
        default="60/minute",
        description="Limit for requests from one address to endpoints without a token, such as `/api/token/`.",
    )
    rate_per_proxy: str = Field(
        default="600/minute",
        description="Limit for such requests of all clients of one proxy that is not in FORWARDED_ALLOW_IPS. Each "
        "client that the proxy reports is also limited by `VIGIL_RATE_PER_ADDRESS`.",
    )
    public_url: str = Field(
        default="",
        pattern=r"^(https?://[^\s/]+)?/?$",
        description="URL of the dashboard for users, for example https://vigil.example. Notifications link to "
        "it, and its host and origin are allowed.",
    )
    notify_networks: CommaSeparated = Field(
        default=(),
        description="Private networks to which notifications may be sent, for example 192.168.1.0/24.",
    )
    notify_give_up_hours: float = Field(
        default=24, gt=0, le=24 * 30, description="A notification that is not confirmed within this time is given up."
    )
    worker_metrics_port: int = Field(
        default=0, ge=0, le=65535, description="Port for the metrics of a Celery worker; 0 disables it."
    )
    vapid_key: SecretStr | None = Field(
        default=None,
        description="Private key for Web Push, created with `manage.py make_vapid_key`. Empty: Web Push is disabled.",
    )
    vapid_key_file: Path | None = Field(default=None, description="File with the key for Web Push.")
    evidence_key: SecretStr | None = Field(
        default=None,
        description="Ed25519 private key in PEM that signs exports of cases. Empty: they cannot be exported.",
    )
    evidence_key_file: Path | None = Field(default=None, description="File with the key that signs exports.")
    timestamp_url: str = Field(
        default="",
        pattern=r"^(https?://[^\s@]+)?$",
        max_length=500,
        description="Time stamping authority (RFC 3161) for exports, such as https://tsa.example/. Empty: they have "
        "no time stamp.",
    )
    export_days: int = Field(
        default=30, ge=1, le=3650, description="Days for which exports are kept after their case was closed."
    )
    mqtt_url: str = Field(
        default="",
        pattern=r"^(mqtts?://[^\s/]+/?)?$",
        max_length=2000,
        description="Broker for Home Assistant, for example mqtt://vigil@broker.example:1883, or mqtts:// with TLS. "
        "Takes precedence over the URL in the dashboard, and may be in a private network.",
    )
    mqtt_password: SecretStr | None = Field(default=None, description="Password for MQTT_URL.")
    mqtt_password_file: Path | None = Field(default=None, description="File with the password for MQTT_URL.")
    email_host: str = Field(default="", description="Mail relay for notifications; empty: no e-mail.")
    email_port: int = Field(default=587, ge=1, le=65535, description="Port of the mail relay.")
    email_security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="STARTTLS (port 587), TLS from the start (port 465), or no encryption."
    )
    email_user: str = Field(default="", description="User name for the mail relay, if required.")
    email_password: SecretStr | None = Field(default=None, description="Password for the mail relay.")
    email_password_file: Path | None = Field(default=None, description="File with the password for the mail relay.")
    email_from: str = Field(
        default="vigil@localhost", description="Sender of e-mails, for example Vigil <vigil@example.org>."
    )
    retention_days: int | None = Field(
        default=30,
        ge=1,
        le=3650,
        description="Delete alerts older than this, unless their camera has its own setting. Empty: never.",
    )
    retention_megabytes: int | None = Field(
        default=None,
        ge=1,
        description="Maximum size of a camera's images and clips in MB, unless it has its own setting.",
    )
    recording_mode: RecordingMode = Field(
        default=RecordingMode.OFF,
        description="`recording.mode` of cameras that are created without one, if their site sets none: `off`, "
        "`continuous`, `motion` or `alerts`.",
    )
    recording_days: int | None = Field(
        default=7,
        ge=1,
        le=3650,
        description="Days for which recordings are kept, unless their camera or site has its own setting. Empty: no "
        "limit.",
    )
    recording_gigabytes: int | None = Field(
        default=None,
        ge=1,
        description="Space for a camera's recordings in GB, unless it or its site has its own setting. Empty: no "
        "limit.",
    )
    recording_max_days: int | None = Field(
        default=None,
        ge=1,
        le=3650,
        description="Recordings are never kept longer than so many days, whatever their camera's setting. Empty: no "
        "limit.",
    )
    recording_max_gigabytes: int | None = Field(
        default=None,
        ge=1,
        description="Recordings of a camera never take more than so many GB, whatever its setting. Empty: no limit.",
    )
    media_max_used_percent: int = Field(
        default=90,
        ge=1,
        le=100,
        description="Above this use of MEDIA_DIR's disk, the oldest resolved alerts of all cameras are deleted. "
        "100 disables this limit.",
    )
    housekeeping: bool = Field(
        default=True,
        description="The backend runs retention and sweeps itself. 0: run them with `manage.py` in cron or a "
        "CronJob.",
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
        default=500, ge=1, description="Valid tokens of one user. Empty: no limit."
    )
    max_sites_per_user: int | None = Field(
        default=100,
        ge=1,
        description="Sites that one user administers. Empty: no limit.",
    )
    max_invitations_per_user: int | None = Field(
        default=500, ge=1, description="Open invitations of one user. Empty: no limit."
    )
    rate_probes: str = Field(
        default="30/minute", description="Limit for stream tests and frames of recordings of one user."
    )
    rate_controls: str = Field(default="240/minute", description="Limit for PTZ and relay commands of one user.")
    media_server_url: str = Field(
        default="",
        max_length=500,
        description="WebRTC URL of a camera on a media server (MediaMTX, go2rtc), for example "
        "https://media.example/camera-{camera}/whep; {camera} is replaced by the camera's id.",
    )
    media_hls_url: str = Field(
        default="",
        max_length=500,
        description="HLS URL of a camera, for browsers that cannot use WebRTC, for example "
        "https://media.example/hls/camera-{camera}/index.m3u8.",
    )
    redis_url: SecretStr | None = Field(
        default=None,
        validation_alias="REDIS_URL",
        description="redis://…: shared cache and rate limits for all processes; Celery sends notifications. "
        "Empty: each process has its own cache and limits, and a thread sends notifications.",
    )
    self_registration: bool = Field(
        default=False, description="Let anyone who can reach the backend create an account."
    )
    remote_user_header: str = Field(
        default="",
        pattern=r"^([A-Za-z][A-Za-z0-9-]*)?$",
        description="Header in which a reverse proxy sends the user name, such as X-Forwarded-User. The proxy "
        "must remove "
        "that header from client requests. Empty: users sign in with a password.",
    )
    remote_groups_header: str = Field(
        default="",
        pattern=r"^([A-Za-z][A-Za-z0-9-]*)?$",
        description="Header in which that proxy sends the user's groups, such as X-Forwarded-Groups, separated by "
        "commas. The proxy must remove it from client requests. Empty: no groups.",
    )
    identity_providers_file: Path | None = Field(
        default=None, description="YAML file with OpenID providers for sign-in. See the page on single sign-on."
    )
    identity_check_seconds: int = Field(
        default=120,
        ge=5,
        le=240,
        description="How often the groups of users are checked at their OpenID provider.",
    )
    local_accounts: bool = Field(
        default=True,
        description="Users can sign in by password. 0: only by a provider or proxy; `manage.py allow_password` is "
        "the way back in.",
    )
    max_request_bytes: int = Field(
        default=18 * 1024 * 1024, ge=64 * 1024, description="Larger request bodies are rejected with 413."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", description="Minimum log level.")
    log_format: Literal["json", "text"] = Field(
        default="json", description="One JSON object per line, or plain text."
    )

    @field_validator("media_server_url", "media_hls_url")
    @classmethod
    def _names_the_camera(cls, value: str) -> str:
        if value and (not value.startswith(("https://", "http://")) or "{camera}" not in value):
            raise ValueError(
                "must be like https://media.example/{camera}/whep, with {camera} in it, or empty for none"
            )
        return value

    @field_validator(
        "rate_per_camera", "rate_per_token", "rate_per_address", "rate_per_proxy", "rate_probes", "rate_controls"
    )
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
        """The secret key; empty if none is set (Django then refuses to use it)."""
        return _secret(self.secret_key, self.secret_key_file, "VIGIL_SECRET_KEY_FILE")

    @cached_property
    def s3_secret(self) -> str:
        """The secret key of the bucket; empty if none is set."""
        return _secret(self.s3_secret_access_key, self.s3_secret_access_key_file, "VIGIL_S3_SECRET_ACCESS_KEY_FILE")

    @cached_property
    def credential_key_list(self) -> tuple[str, ...]:
        """The Fernet keys, newest first; empty if none is set."""
        text = _secret(self.credential_keys, self.credential_keys_file, "VIGIL_CREDENTIAL_KEYS_FILE")
        return tuple(text.replace(",", " ").split())

    @property
    def hosts(self) -> tuple[str, ...]:
        """All host names of the backend."""
        public = split_domain_port(urlsplit(self.public_url).netloc)[0]
        return _without_repeats((*self.allowed_hosts, public))

    @property
    def trusted_origins(self) -> tuple[str, ...]:
        """All origins whose forms are accepted (CSRF)."""
        return _without_repeats((*self.csrf_trusted_origins, self.public_url.rstrip("/")))

    @property
    def camera_addresses(self) -> AddressPolicy:
        """The permitted addresses of cameras."""
        return AddressPolicy(tuple(map(ip_network, self.camera_networks)), self.camera_allow_loopback)

    @property
    def notify_addresses(self) -> PublicAddresses:
        """The permitted addresses of notification receivers."""
        return PublicAddresses(tuple(map(ip_network, self.notify_networks)))

    @cached_property
    def vapid_key_text(self) -> str:
        """Web Push's private key; empty when none is set."""
        return _secret(self.vapid_key, self.vapid_key_file, "VIGIL_VAPID_KEY_FILE")

    @cached_property
    def evidence_key_text(self) -> str:
        """The private key that signs exports; empty if none is set."""
        return _secret(self.evidence_key, self.evidence_key_file, "VIGIL_EVIDENCE_KEY_FILE")

    @cached_property
    def email_password_text(self) -> str:
        """The mail relay's password; empty if none is set."""
        return _secret(self.email_password, self.email_password_file, "VIGIL_EMAIL_PASSWORD_FILE")

    @cached_property
    def mqtt_password_text(self) -> str:
        """The broker's password; empty if none is set."""
        return _secret(self.mqtt_password, self.mqtt_password_file, "VIGIL_MQTT_PASSWORD_FILE")

    @property
    def redis(self) -> str:
        """The URL of Redis; empty if there is none."""
        return self.redis_url.get_secret_value() if self.redis_url is not None else ""

    @property
    def media_root(self) -> Path:
        """The directory of images and clips, if they are not in S3."""
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


SQLITE_CONNECTION_SECONDS = 60


def sqlite_database(path: Path | str) -> dict[str, Any]:
    """SQLite as a server needs it.

    WAL: readers go on while one writes. IMMEDIATE: a transaction takes the write lock at its start, where waiting
    works, and not in its middle, where SQLite fails at once. FULL: what was answered with 2xx survives a power cut.
    """
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        # Opening it takes longer than most queries. Not for ever: a restored database is another file.
        "CONN_MAX_AGE": SQLITE_CONNECTION_SECONDS,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,  # seconds to wait for the write lock
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-16000;",
        },
    }


def load() -> Environment:
    """Read the environment. Raises ImproperlyConfigured that names each invalid variable, without values."""
    try:
        return Environment()
    except ValidationError as error:
        problems = "; ".join(
            f"{_variable(item['loc'])}: {item['msg'].removeprefix('Value error, ')}"
            for item in error.errors(include_input=False)
        )
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
