"""Uses the client that openapi-python-client generated (`vigil_client`), and prints what it got as JSON.

Runs in `.venvs/openapi`, against the backend at VIGIL_URL with VIGIL_TOKEN.
"""
# mypy: disable-error-code="import-not-found"

import json
import os

from vigil_client import AuthenticatedClient
from vigil_client.api.alerts import alerts_acknowledge_create, alerts_list
from vigil_client.api.cameras import cameras_create, cameras_list
from vigil_client.models import Alert, CameraDetail, CameraRequest, PaginatedAlertList, PaginatedCameraList
from vigil_client.types import UNSET


def main() -> None:
    """List cameras, create one, read alerts page by page, and acknowledge the newest."""
    client = AuthenticatedClient(
        base_url=os.environ["VIGIL_URL"],
        token=os.environ["VIGIL_TOKEN"],
        prefix="Token",
        raise_on_unexpected_status=True,
    )
    cameras = cameras_list.sync(client=client)
    assert isinstance(cameras, PaginatedCameraList), cameras
    created = cameras_create.sync(client=client, body=CameraRequest(name="Yard", rtsp_url="rtsp://192.0.2.7/1"))
    assert isinstance(created, CameraDetail), created
    pages = []
    cursor = UNSET
    while cursor is not None:
        page = alerts_list.sync(client=client, camera=cameras.results[0].id, page_size=2, cursor=cursor)
        assert isinstance(page, PaginatedAlertList), page
        pages.append([alert.id for alert in page.results])
        cursor = page.next_cursor
    acknowledged = alerts_acknowledge_create.sync(pages[0][0], client=client)
    assert isinstance(acknowledged, Alert), acknowledged
    found = {
        "cameras": [camera.name for camera in cameras.results],
        "created": created.id,
        "pages": pages,
        "acknowledged": [acknowledged.id, acknowledged.acknowledged],
    }
    print(json.dumps(found))


main()
