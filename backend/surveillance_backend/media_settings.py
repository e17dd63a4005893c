"""Django's `STORAGES` for images and clips, from the environment settings."""

from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from surveillance_backend.environment import Environment

_DIRECTORY, _BUCKET = "surveillance.storages.DirectoryStorage", "surveillance.bucket_storage.BucketStorage"


def media_storages(environment: Environment) -> dict[str, Any]:
    """Return `default`, where files are stored, and `links`, which creates the URLs for browsers."""
    if not environment.s3_bucket:
        options = {"location": environment.media_root, "base_url": None}
        return {"default": {"BACKEND": _DIRECTORY, "OPTIONS": options}}
    if bool(environment.s3_access_key_id) != bool(environment.s3_secret):
        raise ImproperlyConfigured("VIGIL_S3_ACCESS_KEY_ID and VIGIL_S3_SECRET_ACCESS_KEY must be set together")
    kept = {
        "bucket_name": environment.s3_bucket,
        "endpoint_url": environment.s3_endpoint_url or None,
        "region_name": environment.s3_region,
        "location": environment.s3_prefix,
        "addressing_style": environment.s3_addressing_style,
        "access_key": environment.s3_access_key_id or None,
        "secret_key": environment.s3_secret or None,
        "file_overwrite": True,  # names are random: checking for an existing one would take another request
    }
    linked = {**kept, "querystring_expire": environment.s3_link_seconds}
    if environment.s3_public_endpoint_url:
        linked["endpoint_url"] = environment.s3_public_endpoint_url
    if environment.s3_cdn_domain:
        linked |= {"custom_domain": environment.s3_cdn_domain, **_cdn_key(environment)}
    return {
        "default": {"BACKEND": _BUCKET, "OPTIONS": kept},
        "links": {"BACKEND": _BUCKET, "OPTIONS": linked},
    }


def links_origins(environment: Environment) -> str:
    """Return the origins of these links for the Content-Security-Policy; empty if there are none."""
    if not environment.s3_bucket or not environment.s3_link_seconds:
        return ""
    if environment.s3_cdn_domain:
        return f"https://{environment.s3_cdn_domain}"
    endpoint = environment.s3_public_endpoint_url or environment.s3_endpoint_url
    parts = urlsplit(endpoint or f"https://s3.{environment.s3_region}.amazonaws.com")
    # The SDK selects one of the two depending on the bucket's name.
    hosts = [parts.netloc, f"{environment.s3_bucket}.{parts.netloc}"]
    hosts += [] if endpoint else [f"{environment.s3_bucket}.s3.amazonaws.com"]
    return " ".join(f"{parts.scheme}://{host}" for host in hosts)


def _cdn_key(environment: Environment) -> dict[str, Any]:
    """Require a key: without one the links would be public and permanent."""
    if not environment.s3_cdn_key_id or environment.s3_cdn_key_file is None:
        raise ImproperlyConfigured("VIGIL_S3_CDN_DOMAIN needs VIGIL_S3_CDN_KEY_ID and VIGIL_S3_CDN_KEY_FILE")
    try:
        key = environment.s3_cdn_key_file.read_bytes()
    except OSError as error:
        raise ImproperlyConfigured(f"VIGIL_S3_CDN_KEY_FILE cannot be read: {error.strerror}") from error
    return {"cloudfront_key_id": environment.s3_cdn_key_id, "cloudfront_key": key}
