"""Django's settings. Options for deployments are declared in `environment.py` and applied here."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from surveillance_backend import environment as _environment
from surveillance_backend.identity_settings import allauth_providers, identity_providers
from surveillance_backend.log_settings import logging_configuration
from surveillance_backend.media_settings import links_origins, media_storages

ENVIRONMENT = _environment.load()

DEBUG = ENVIRONMENT.debug
SECRET_KEY = ENVIRONMENT.secret_key_text
ALLOWED_HOSTS = list(ENVIRONMENT.hosts)
CSRF_TRUSTED_ORIGINS = list(ENVIRONMENT.trusted_origins)
ROOT_URLCONF = "surveillance_backend.urls"
ASGI_APPLICATION = "surveillance_backend.asgi.application"
_STATIC_FILES = "django.contrib.staticfiles.storage.StaticFilesStorage"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "axes",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_filters",
    "django_htmx",
    "django_prometheus",
    "drf_spectacular",
    "knox",
    "rest_framework",
    "vigil_apps.accounts",
    "vigil_apps.audit",
    "vigil_apps.evidence",
    "vigil_apps.home_assistant",
    "vigil_apps.identity",
    "vigil_apps.notifications",
    "vigil_apps.recordings",
    "vigil_apps.sites",
    "surveillance",
    "vigil_apps.second_factor",
    "vigil_apps.dashboard",
    # After the dashboard, whose templates replace those of allauth.
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "surveillance_backend",
]

MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    # Before SecurityMiddleware, whose redirects and 400 responses need the header too.
    "surveillance_backend.middleware.ContentSecurityPolicyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "surveillance_backend.middleware.NulMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "surveillance_backend.middleware.PageLocaleMiddleware",
    "surveillance_backend.middleware.SlashMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "vigil_apps.identity.passwords.LocalSessionsMiddleware",
    "vigil_apps.audit.origin.AuditMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "vigil_apps.second_factor.middleware.SecondFactorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "surveillance_backend.middleware.MethodPageMiddleware",
    "axes.middleware.AxesMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]
# The part of it that adds headers to answers of the API; the fast intake of alerts applies it by itself.
VIGIL_HEADER_MIDDLEWARE = frozenset(
    {
        "surveillance_backend.middleware.ContentSecurityPolicyMiddleware",
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    }
)

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = {"default": ENVIRONMENT.database()}

CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": ENVIRONMENT.redis}
    if ENVIRONMENT.redis
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}

# Images and clips have no public URL: an authorised view serves them, itself or by a short-lived link.
STORAGES = {**media_storages(ENVIRONMENT), "staticfiles": {"BACKEND": _STATIC_FILES}}
MEDIA_ROOT = str(ENVIRONMENT.media_root)
VIGIL_MEDIA_ACCEL_PREFIX = "" if ENVIRONMENT.s3_bucket else ENVIRONMENT.media_accel_prefix
VIGIL_MEDIA_LINK_SECONDS = ENVIRONMENT.s3_link_seconds if ENVIRONMENT.s3_bucket else 0
VIGIL_MEDIA_ORIGINS = links_origins(ENVIRONMENT)
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True  # no `collectstatic`: files are served from where they are installed

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
# Before the catalogues of all apps: Django's admin translates "Save" and "History", too, in other words.
LOCALE_PATHS = [Path(__file__).parents[1] / "vigil_apps/dashboard/locale"]
TIME_ZONE = "UTC"
USE_TZ = True

LOGIN_URL = "/dashboard/login/"
LOGIN_REDIRECT_URL = "/dashboard/"
LOGOUT_REDIRECT_URL = "/dashboard/login/"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "vigil_apps.identity.passwords.LocalAccountsBackend",
    "django.contrib.auth.backends.ModelBackend",
]
VIGIL_REMOTE_USER_HEADER = ENVIRONMENT.remote_user_header
if VIGIL_REMOTE_USER_HEADER:
    AUTHENTICATION_BACKENDS.append("vigil_apps.accounts.single_sign_on.ProxyUserBackend")
    MIDDLEWARE.insert(
        MIDDLEWARE.index("django.contrib.auth.middleware.AuthenticationMiddleware") + 1,
        "vigil_apps.accounts.single_sign_on.ProxyUserMiddleware",
    )
    if ENVIRONMENT.remote_groups_header:
        MIDDLEWARE.insert(
            MIDDLEWARE.index("allauth.account.middleware.AccountMiddleware"),
            "vigil_apps.identity.proxy.ProxyGroupsMiddleware",
        )
# Password guessing is limited by name and client together, so that nobody can lock out other users from elsewhere.
AXES_HANDLER = "vigil_apps.accounts.lockout.Lockout"
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address", "user_agent"]]  # see `Lockout` for the user agent
AXES_LOCKOUT_CALLABLE = "vigil_apps.accounts.lockout.answer"
AXES_CLIENT_IP_CALLABLE = "vigil_apps.accounts.lockout.address_of_client"
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False
# Users sign in by name; addresses identify nobody, since anyone may have entered them.
ACCOUNT_ADAPTER = "vigil_apps.second_factor.account_adapter.SecondFactorAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
MFA_ADAPTER = "vigil_apps.second_factor.adapter.MfaAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_TOTP_TOLERANCE = 1  # steps of 30 s for clocks that differ, the maximum of RFC 6238, section 5.2
VIGIL_LOCAL_ACCOUNTS = ENVIRONMENT.local_accounts
VIGIL_REMOTE_GROUPS_HEADER = ENVIRONMENT.remote_groups_header
VIGIL_IDENTITY_PROVIDERS = identity_providers(ENVIRONMENT)
VIGIL_IDENTITY_CHECK_SECONDS = ENVIRONMENT.identity_check_seconds
SOCIALACCOUNT_ADAPTER = "vigil_apps.identity.adapter.IdentityAdapter"
SOCIALACCOUNT_PROVIDERS = allauth_providers(VIGIL_IDENTITY_PROVIDERS)
SOCIALACCOUNT_STORE_TOKENS = False  # they would be stored unencrypted
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# Keys for cameras' credentials, newest first: see surveillance/credentials.py.
VIGIL_CREDENTIAL_KEYS = ENVIRONMENT.credential_key_list
VIGIL_MAX_REQUEST_BYTES = ENVIRONMENT.max_request_bytes
VIGIL_CAMERA_ADDRESSES = ENVIRONMENT.camera_addresses
VIGIL_DEFAULT_CLUSTER = ENVIRONMENT.default_cluster
VIGIL_RATES = {
    "camera": ENVIRONMENT.rate_per_camera,
    "token": ENVIRONMENT.rate_per_token,
    "address": ENVIRONMENT.rate_per_address,
    "proxy": ENVIRONMENT.rate_per_proxy,
    "probe": ENVIRONMENT.rate_probes,
    "control": ENVIRONMENT.rate_controls,
}
VIGIL_QUOTAS = {counted: getattr(ENVIRONMENT, field) for counted, field in _environment.QUOTAS.items()}
VIGIL_RATE_STORAGE = ENVIRONMENT.redis or "memory://"
VIGIL_RETENTION_DAYS = ENVIRONMENT.retention_days
VIGIL_RETENTION_MEGABYTES = ENVIRONMENT.retention_megabytes
VIGIL_MEDIA_MAX_USED_PERCENT = ENVIRONMENT.media_max_used_percent
VIGIL_RECORDING_MODE = ENVIRONMENT.recording_mode
VIGIL_RECORDING_DAYS = ENVIRONMENT.recording_days
VIGIL_RECORDING_GIGABYTES = ENVIRONMENT.recording_gigabytes
VIGIL_RECORDING_MAX_DAYS = ENVIRONMENT.recording_max_days
VIGIL_RECORDING_MAX_GIGABYTES = ENVIRONMENT.recording_max_gigabytes
VIGIL_HOUSEKEEPING = ENVIRONMENT.housekeeping
VIGIL_MEDIA_SERVER_URL = ENVIRONMENT.media_server_url
VIGIL_MEDIA_HLS_URL = ENVIRONMENT.media_hls_url
VIGIL_SELF_REGISTRATION = ENVIRONMENT.self_registration
VIGIL_PUBLIC_URL = ENVIRONMENT.public_url.rstrip("/")
VIGIL_NOTIFY_ADDRESSES = ENVIRONMENT.notify_addresses
VIGIL_NOTIFY_GIVE_UP = timedelta(hours=ENVIRONMENT.notify_give_up_hours)
VIGIL_TIMESTAMP_URL = ENVIRONMENT.timestamp_url
VIGIL_EXPORT_DAYS = ENVIRONMENT.export_days
VIGIL_EVIDENCE_KEY = ENVIRONMENT.evidence_key_text
VIGIL_VAPID_KEY = ENVIRONMENT.vapid_key_text
VIGIL_MQTT_URL = ENVIRONMENT.mqtt_url
VIGIL_MQTT_PASSWORD = ENVIRONMENT.mqtt_password_text
VIGIL_REDIS_URL = ENVIRONMENT.redis
VIGIL_ADMIN_PATH = ENVIRONMENT.admin_path if ENVIRONMENT.admin_enabled else None

EMAIL_HOST = ENVIRONMENT.email_host
EMAIL_PORT = ENVIRONMENT.email_port
EMAIL_HOST_USER = ENVIRONMENT.email_user
EMAIL_HOST_PASSWORD = ENVIRONMENT.email_password_text
EMAIL_USE_TLS = ENVIRONMENT.email_security == "starttls"
EMAIL_USE_SSL = ENVIRONMENT.email_security == "tls"
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = ENVIRONMENT.email_from

_secure = not ENVIRONMENT.insecure_http
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _secure
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_SSL_REDIRECT = _secure
# Programs are not redirected: a token sent in plain text is already exposed, and the cluster's network uses plain
# HTTP for these paths.
SECURE_REDIRECT_EXEMPT = [r"^api/", r"^healthz$", r"^readyz$", r"^metrics$"]
_hsts = _secure and ENVIRONMENT.hsts
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if _hsts else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _hsts
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ENVIRONMENT.behind_tls_proxy else None
X_FRAME_OPTIONS = "DENY"
DEFAULT_EXCEPTION_REPORTER_FILTER = "surveillance_backend.error_pages.NoValuesFilter"

DATA_UPLOAD_MAX_MEMORY_SIZE = ENVIRONMENT.max_request_bytes
FILE_UPLOAD_MAX_MEMORY_SIZE = ENVIRONMENT.max_request_bytes  # images are checked in memory, never in /tmp
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000

KNOX_TOKEN_MODEL = "accounts.AuthToken"  # noqa: S105 a model name, not a secret
REST_KNOX = {
    "TOKEN_TTL": timedelta(days=ENVIRONMENT.token_lifetime_days),
    "AUTH_HEADER_PREFIX": "Token",
}
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "vigil_apps.accounts.authentication.ScopedTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    # A view without scopes denies all requests.
    "DEFAULT_PERMISSION_CLASSES": ["vigil_apps.accounts.permissions.HasScope"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "vigil_apps.web.negotiation.ContentNegotiation",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["vigil_apps.web.json_input.BoundedJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "surveillance_backend.schema.Schema",
    "DEFAULT_THROTTLE_CLASSES": ["vigil_apps.accounts.throttling.RateLimit"],
    "URL_FORMAT_OVERRIDE": None,  # the Accept header selects the format; an unknown `?format=` would be a 404
    "EXCEPTION_HANDLER": "vigil_apps.web.api_errors.handle",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Vigil",
    "DESCRIPTION": "Cameras become alerts: the API of Vigil's backend. Send `Authorization: Token <token>`.",
    "VERSION": "0.1.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "surveillance_backend.schema.add_examples",
        "surveillance_backend.schema.nullable_as_of_3_1",
        "surveillance_backend.schema.titles_are_names",
    ],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": r"/api/",
    "ENUM_NAME_OVERRIDES": {
        "AlertTypeEnum": "vigil_contracts.names.AlertType",
        "ChannelNameEnum": "vigil_apps.notifications.models.CHANNELS",
        "MessageFormatEnum": "vigil_apps.notifications.models.FORMATS",
        "ExportStateEnum": "vigil_apps.evidence.models.ExportState",
        "CameraPhaseEnum": "vigil_contracts.names.CameraPhase",
        "MappedRoleEnum": "vigil_apps.identity.models.MAPPED_ROLES",
        "ReasonEnum": "vigil_contracts.names.Reason",
        "RoleEnum": "vigil_apps.sites.roles.Role",
        "TaskStateEnum": "surveillance.models.TaskState",
        "StreamTransportEnum": "vigil_contracts.names.StreamTransport",
    },
}

PROMETHEUS_EXPORT_MIGRATIONS = False
LOGGING = logging_configuration(level=ENVIRONMENT.log_level, log_format=ENVIRONMENT.log_format)
