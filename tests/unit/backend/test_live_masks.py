"""No live frame is shown that was taken with other privacy masks than the camera has now."""

import asyncio
import time
from collections.abc import Iterable, Mapping

import pytest

from surveillance.live.demand import Demand
from surveillance.live.hub import Hub, LiveFrame, Viewer
from surveillance.live.intake import _masks
from surveillance.models import Camera
from surveillance.selectors.cameras import masks_digests
from vigil_contracts.detection import Detection
from vigil_contracts.masks_digest import LENGTH, masks_digest

OLD, NEW = "0" * LENGTH, "f" * LENGTH
MASK = [[0, 0], [0.25, 0], [0.25, 1]]


class Scene:
    """A hub whose demand learns the masks that a test sets."""

    def __init__(self) -> None:
        self.masks: dict[int, str] = {}
        self.demand = Demand(self._publish)
        self.hub = Hub("", self.demand)

    def _publish(self, camera_ids: Iterable[int]) -> Mapping[int, str]:
        return {one: self.masks.get(one, "") for one in camera_ids}

    async def send(self, masks: str, number: int = 0) -> None:
        await self.hub.publish(7, b"%d" % number, time.time(), masks)


async def taken(viewer: Viewer) -> LiveFrame | None:
    try:
        return await asyncio.wait_for(viewer.take(), 0.05)
    except TimeoutError:
        return None


def test_a_change_of_the_masks_holds_for_viewers_and_snapshots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("surveillance.live.demand.RENEW_SECONDS", 0.05)

    async def run() -> None:
        scene = Scene()
        scene.masks[7] = OLD
        viewer = scene.hub.enter(7, OLD)
        await scene.send(OLD, 1)
        frame = await taken(viewer)
        assert frame is not None
        assert frame.jpeg == b"1"
        await scene.send(OLD, 2)  # waits for a slow viewer
        kept = scene.hub.newest(7, OLD)
        assert kept is not None
        assert kept.jpeg == b"2"
        assert scene.hub.newest(7, NEW) is None, "a snapshot after the change"
        scene.masks[7] = NEW
        await asyncio.sleep(0.3)
        assert await taken(viewer) is None, "it waited when the masks changed"
        await scene.send(OLD, 3)
        assert await taken(viewer) is None, "the detector does not know the masks yet"
        await scene.send(NEW, 4)
        frame = await taken(viewer)
        assert frame is not None
        assert frame.jpeg == b"4"
        scene.hub.leave(viewer)

    asyncio.run(run())


def test_a_new_viewer_brings_the_new_masks_to_those_that_watch_already() -> None:
    async def run() -> None:
        scene = Scene()
        first = scene.hub.enter(7, "")
        await scene.send("", 1)
        scene.masks[7] = NEW
        second = scene.hub.enter(7, NEW)
        assert await taken(first) is None
        await scene.send(NEW, 2)
        for viewer in (first, second):
            assert await taken(viewer) is not None
            scene.hub.leave(viewer)

    asyncio.run(run())


@pytest.mark.parametrize("masks", ["", NEW])
def test_other_processes_learn_with_which_masks_a_frame_was_taken(masks: str) -> None:
    sent: list[bytes] = []

    class Exchange:
        async def publish(self, camera_id: int, message: bytes) -> None:
            sent.append(message)

    async def run() -> None:
        origin, other = Scene().hub, Scene().hub
        origin._exchange = Exchange()  # type: ignore[assignment]
        await origin.publish(7, b"jpeg", 12.5, masks)
        other._take(7, sent[0])
        frame = other.newest(7, masks)
        assert frame is not None
        assert (frame.jpeg, frame.taken_at, frame.masks) == (b"jpeg", 12.5, masks)

    asyncio.run(run())


def test_the_digest_is_the_same_for_detector_and_api() -> None:
    detection = Detection.model_validate({"privacy_masks": [MASK]})
    known = masks_digest(detection.privacy_masks)
    assert len(known) == LENGTH
    assert known == masks_digest(detection.model_dump(mode="json")["privacy_masks"]) == masks_digest([MASK])
    assert known != masks_digest([MASK, MASK])
    assert masks_digest(()) == masks_digest(None) == ""
    assert _masks(masks_digest("nonsense").encode()) == "", "no frame has the digest of damaged settings"
    assert _masks(known.encode()) == known


@pytest.mark.django_db
def test_masks_are_read_from_the_settings(camera: Camera) -> None:
    assert masks_digests([camera.pk]) == {camera.pk: ""}
    Camera.objects.update(detection={"privacy_masks": [MASK]})
    assert masks_digests([camera.pk, camera.pk + 1000]) == {camera.pk: masks_digest([MASK])}
