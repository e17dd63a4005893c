"""Queue cameras for a reconcile when the API's answer about them has changed."""

from collections.abc import Collection

from vigil_operator.kube.queue import WorkQueue
from vigil_operator.kube.store import Store


class ReconcileTrigger:
    """Finds the cameras by what the API calls them."""

    def __init__(self, store: Store, queue: WorkQueue) -> None:
        self._store = store
        self._queue = queue

    def add_ids(self, camera_ids: Collection[int]) -> None:
        """Queue the cameras with these ids in the API."""
        if not camera_ids:
            return
        for camera in self._store.cameras.values():
            if camera.camera_id in camera_ids:
                self._queue.add(camera.key)

    def add_uids(self, uids: Collection[str]) -> None:
        """Queue the cameras whose resources have these uids."""
        if not uids:
            return
        for camera in self._store.cameras.values():
            if camera.meta.uid in uids:
                self._queue.add(camera.key)

    def add_all(self) -> None:
        """Queue every camera, and every deleted one of which objects are left."""
        for key in self._store.all_cameras():
            self._queue.add(key)
