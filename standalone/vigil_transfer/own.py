"""Vigil's own document of cameras, sites and subscriptions: written by `vigil export`, read by `vigil import vigil`.

Stream URLs have no credentials (`rtsp://***@host/…`). A second file contains the URLs with credentials,
by camera name, and has a place for the secrets of subscriptions, which the API does not return.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from pydantic import BaseModel

from vigil_contracts.camera import CameraConfiguration
from vigil_contracts.detection import Detection
from vigil_contracts.stream_url import MASK, mask_stream_url
from vigil_transfer.plan import Plan, check_cameras
from vigil_transfer.report import Ledger, Path, Problem
from vigil_transfer.subscriptions import (
    Exported,
    comment_lines,
    read_subscriptions,
    secrets_in,
    targets_to_fill_in,
)
from vigil_transfer.yaml_text import YamlError, load_mapping

HEADER = """\
# Cameras, sites and subscriptions of Vigil. Restore them with: vigil import vigil FILE
# *** stands for credentials: a backend that has the camera or the subscription keeps its own.
# Not contained: accounts, passwords, second factors and tokens.
"""
TARGETS = "subscriptions"
"""The key of the file of credentials with the targets of subscriptions; that of a camera of this name is a text."""
TARGETS_HEADER = f"""\
# Vigil cannot read these. Replace each {MASK} before you restore into a backend that does not have the subscription.
"""
CREDENTIALS_HEADER = """\
# Stream URLs with credentials, by camera. Keep this file secret.
# Restore them with: vigil import vigil FILE --credentials THIS-FILE
"""
NO_DOCUMENT = (
    "the file must have a list of cameras, and may have lists of sites and subscriptions, as `vigil export` writes it"
)


class _Dumper(yaml.SafeDumper):
    """Writes lists of numbers, such as points, in one line."""


def _list(dumper: yaml.SafeDumper, values: list[Any]) -> yaml.nodes.Node:
    is_plain = all(isinstance(value, int | float | str) for value in values) and len(values) <= 8
    return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=is_plain)


_Dumper.add_representer(list, _list)


def dump(value: Any) -> str:
    """Return YAML with keys in their order."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def document_text(
    cameras: Sequence[Mapping[str, Any]],
    sites: Sequence[Mapping[str, Any]],
    exported: Exported = Exported(),  # noqa: B008  # immutable
) -> str:
    """Return the document, without the detection settings that have their default."""
    shown = [
        {**camera, "detection": without_defaults(camera.get("detection", {}), Detection())} for camera in cameras
    ]
    text = HEADER + dump({**({"sites": list(sites)} if sites else {}), "cameras": shown}) + comment_lines(exported)
    listed = list(exported.subscriptions)
    return text + (dump({"subscriptions": listed}) if listed else "")


def without_defaults(settings: Mapping[str, Any], default: BaseModel) -> dict[str, Any]:
    """Return the settings that differ from their default; those of a newer backend stay."""
    defaults = default.model_dump(mode="json")
    return {name: value for name, value in settings.items() if name not in defaults or value != defaults[name]}


def urls_with_credentials(
    cameras: Sequence[Mapping[str, Any]], active: Sequence[CameraConfiguration]
) -> dict[str, str]:
    """Return the URL of each camera whose URL in the document is masked, as far as `active` contains it.

    Cameras of several owners may share a name: a name with different URLs is left out.
    """
    found: dict[str, set[str]] = {}
    for one in active:
        url = one.rtsp_url.get_secret_value()
        if MASK not in url:  # a user's token gets masked URLs
            found.setdefault(f"{one.name}\n{mask_stream_url(url)}", set()).add(url)
    urls = {str(camera["name"]): found.get(f"{camera['name']}\n{camera['rtsp_url']}", set()) for camera in cameras}
    return {name: next(iter(one)) for name, one in urls.items() if len(one) == 1}


def without_credentials(cameras: Sequence[Mapping[str, Any]], urls: Mapping[str, str]) -> list[str]:
    """Return the names of the cameras whose credentials are missing."""
    return [str(camera["name"]) for camera in cameras if MASK in camera["rtsp_url"] and camera["name"] not in urls]


def credentials_text(urls: Mapping[str, str], exported: Exported = Exported()) -> str:  # noqa: B008  # immutable
    """Return the file of credentials, with the fields of subscriptions that the user has to fill in."""
    text = CREDENTIALS_HEADER + (dump(dict(urls)) if urls else "")
    targets = targets_to_fill_in(exported)
    if targets and TARGETS not in urls:
        return text + TARGETS_HEADER + dump({TARGETS: targets})
    return text if urls else text + "{}\n"


def convert(text: str, credentials_text: str | None) -> Plan:
    """Return the plan for a document, and for a file of credentials if there is one."""
    try:
        document = load_mapping(text)
        urls = load_mapping(credentials_text) if credentials_text is not None else {}
    except YamlError as error:
        return Plan((), problems=(Problem("", str(error)),))
    listed = document.get("cameras")
    sites = document.get("sites", [])
    unknown_keys = document.keys() - {"cameras", "sites", "subscriptions"}
    if not isinstance(listed, list) or not isinstance(sites, list) or unknown_keys:
        return Plan((), problems=(Problem("", NO_DOCUMENT),))
    targets = urls.pop(TARGETS) if isinstance(urls.get(TARGETS), dict) else {}
    ledger = Ledger()
    cameras = _cameras(ledger, listed, urls)
    check_cameras(ledger, cameras)
    for index, site in enumerate(sites):
        if not isinstance(site, dict) or not isinstance(site.get("name"), str):
            ledger.problem(("sites", index), "must have a name")
    subscriptions = tuple(read_subscriptions(ledger, document.get("subscriptions", []), targets))
    return Plan(
        tuple(camera for _, camera in cameras),
        problems=tuple(ledger.problems),
        secrets=secrets_in(subscriptions),
        sites=tuple(sites),
        subscriptions=subscriptions,
    )


def _cameras(ledger: Ledger, listed: list[Any], urls: Mapping[str, Any]) -> list[tuple[Path, dict[str, Any]]]:
    """Return the cameras with the URLs of the credentials, each with its path."""
    cameras: list[tuple[Path, dict[str, Any]]] = []
    for index, camera in enumerate(listed):
        path: Path = ("cameras", index)
        if not isinstance(camera, dict) or not all(isinstance(camera.get(key), str) for key in ("name", "rtsp_url")):
            ledger.problem(path, "must have a name and an rtsp_url")
        else:
            url = urls.get(camera["name"], camera["rtsp_url"])
            cameras.append((path, {**camera, "rtsp_url": str(url)}))
    unknown = [name for name in urls if name not in {camera["name"] for _, camera in cameras}]
    ledger.problems += [
        Problem("", f"the credentials name a camera that the file does not have: {name}") for name in unknown
    ]
    return cameras
