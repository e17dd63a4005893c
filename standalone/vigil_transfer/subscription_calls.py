"""Read and write subscriptions through the API, with the user's token."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vigil_contracts.api_client import ApiClient, ApiError
from vigil_contracts.camera import AppliedCamera
from vigil_transfer.subscription_changes import ADDED, CHANGED, Change, Known, with_ids
from vigil_transfer.subscriptions import Exported, Names, export_subscriptions


def fetch_known(client: ApiClient) -> Known:
    """Return the subscriptions, the channels, and the names for filters. Raises ApiError."""
    channels = {str(one["name"]): one for one in client.notification_channels()}
    return Known(client.rows("/api/notifications/"), channels, fetch_names(client))


def fetch_names(client: ApiClient) -> Names:
    """Return the names of the cameras and sites that the user can view. Raises ApiError."""
    return Names(_by_id(client.rows("/api/cameras/")), _by_id(client.rows("/api/sites/")))


def fetch_exported(client: ApiClient) -> Exported:
    """Return the user's subscriptions for a document. Raises ApiError."""
    known = fetch_known(client)
    fields = {name: tuple(channel["target"]["properties"]) for name, channel in known.channels.items()}
    return export_subscriptions(known.subscriptions, fields, known.names)


def save_changes(client: ApiClient, changes: Sequence[Change], applied: Sequence[AppliedCamera]) -> list[Change]:
    """Create and change subscriptions; return what was done. Call it after cameras and sites are stored.

    `applied`: the cameras of the document. One that the API refuses prevents no other. Raises ApiError.
    """
    if not any(change.result in (ADDED, CHANGED) for change in changes):
        return list(changes)
    names = fetch_names(client)
    own_cameras = {camera.name: camera.id for camera in applied if camera.id is not None}
    return [_save(client, change, names, own_cameras) for change in changes]


def _save(client: ApiClient, change: Change, names: Names, own_cameras: Mapping[str, int]) -> Change:
    if change.result not in (ADDED, CHANGED):
        return change
    try:
        client.save_subscription(with_ids(change.values, names, own_cameras), change.subscription_id)
    except KeyError as error:
        return change.failed([f"deleted meanwhile: {error.args[0]}"])
    except ApiError as error:
        return change.failed([f"{name}: {text}" for name, text in error.field_errors.items()] or [str(error)])
    return change


def _by_id(rows: Iterable[Mapping[str, Any]]) -> dict[int, str]:
    return {int(row["id"]): str(row["name"]) for row in rows}
