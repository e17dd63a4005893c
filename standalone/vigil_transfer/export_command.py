"""`vigil export`: print the user's cameras, sites and subscriptions, so that nothing keeps them in this Vigil."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vigil_contracts.api_client import ApiError
from vigil_transfer import own
from vigil_transfer.connection import (
    Connection,
    ConnectionProblemError,
    find_connection,
    pipeline_token,
)
from vigil_transfer.resources import NOT_IN_RESOURCES, resources_of
from vigil_transfer.subscription_calls import fetch_exported
from vigil_transfer.subscriptions import Exported, targets_to_fill_in

_NO_RESOURCES = """\
# Sites and subscriptions are not Kubernetes resources: `vigil export` without --kubernetes contains them.
"""


def run_export(arguments: argparse.Namespace) -> int:
    """Return 0, or 1 if the API cannot be read or a camera is left out."""
    try:
        connection = find_connection(url=arguments.url, token_file=arguments.token_file)
        document, urls, exported = _read(connection, arguments)
        problems = [*_write(arguments, document, urls, exported), *exported.problems]
    except (ConnectionProblemError, ApiError) as error:
        sys.stderr.write(f"vigil: {error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"vigil: {arguments.credentials}: {error.strerror}\n")
        return 1
    sys.stderr.writelines(f"vigil: {problem}\n" for problem in problems)
    return 1 if problems else 0


def _read(connection: Connection, arguments: argparse.Namespace) -> tuple[dict[str, Any], dict[str, str], Exported]:
    """Return the document, the URLs with credentials by name, and the subscriptions."""
    with connection.client() as client:
        document = client.export_configuration()
        exported = Exported() if arguments.kubernetes else fetch_exported(client)
    if arguments.credentials is None:
        return document, {}, exported
    with replace(connection, token=pipeline_token(connection, arguments.pipeline_token_file)).client() as client:
        active = client.active_cameras().value
    return document, own.urls_with_credentials(document["cameras"], active.cameras if active else ()), exported


def _write(
    arguments: argparse.Namespace, document: Mapping[str, Any], urls: Mapping[str, str], exported: Exported
) -> list[str]:
    """Write the files; return what they do not contain."""
    cameras: Sequence[Mapping[str, Any]] = document["cameras"]
    problems: list[str] = []
    if arguments.credentials is not None:
        problems += [
            f"{name}: its credentials are not exported: the camera is inactive, or the token may not read them"
            for name in own.without_credentials(cameras, urls)
        ]
    if not arguments.kubernetes:
        if arguments.credentials is not None:
            _write_secret(arguments.credentials, own.credentials_text(urls, exported))
            _show_fields_to_fill_in(arguments.credentials, exported)
        sys.stdout.write(own.document_text(cameras, document.get("sites", ()), exported))
        return problems
    resources = resources_of(cameras, urls, arguments.namespace)
    if arguments.credentials is not None:
        _write_secret(arguments.credentials, "---\n".join(map(own.dump, resources.secrets)))
    sys.stdout.write(_NO_RESOURCES + "---\n".join(map(own.dump, resources.cameras)))
    unused = sorted({name for name in NOT_IN_RESOURCES for camera in cameras if camera.get(name)})
    if unused:
        problems.append(f"Camera resources have no field for {', '.join(unused)}")
    return problems + resources.problems


def _show_fields_to_fill_in(path: Path, exported: Exported) -> None:
    for name, fields in targets_to_fill_in(exported).items():
        listed = ", ".join(f"target.{one}" for one in fields)
        sys.stderr.write(f"vigil: subscription {name}: fill in {listed} in {path}; the API does not return it\n")


def _write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner can read. Raises OSError."""
    path.unlink(missing_ok=True)  # an existing file keeps its mode
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
