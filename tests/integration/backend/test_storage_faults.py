"""The media's disk full, read-only, and a process killed between image and row: no alert is lost, no file stays.

Every alert that was answered 2xx exists once with its image; the others got, within ten seconds, a status on which
a detector keeps its alert and comes back.
"""

import contextlib
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.backend.test_ingest import PICTURE, Scene, deliver, make_scene
from tests.integration.services.backend import BackendServer, backend_server

from vigil_contracts.api_client import ApiClient, ApiError

pytestmark = pytest.mark.timeout(500)
MEGABYTE = 1024 * 1024


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Mount a file system of 16 MB on the folder. Skips the test if that is impossible."""
    folder.mkdir(parents=True)
    mounted = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    if subprocess.run(mounted, check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount a tmpfs (root)")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _refusal(scene: Scene, event_id: str) -> ApiError:
    began = time.monotonic()
    with pytest.raises(ApiError) as refused, ApiClient(scene.backend.url, scene.token) as client:
        client.send_alert(scene.submission(event_id), PICTURE)
    assert time.monotonic() - began < 10
    return refused.value


def _fill(filler: Path) -> None:
    """Fill the file system completely."""
    with filler.open("wb", buffering=0) as file:
        for size in (MEGABYTE, 4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * size)


def _sweep(backend: BackendServer) -> int:
    swept = backend.manage("sweep_pictures", "--older-than-minutes", "0", "--output", "json")
    return len(json.loads(swept)["orphans"])


def test_disk_full(tmp_path: Path) -> None:
    media = tmp_path / "media"
    with (
        small_disk(media),
        backend_server(tmp_path / "backend", environment={"VIGIL_MEDIA_DIR": str(media)}) as backend,
    ):
        scene = make_scene(backend)
        deliver(scene, ["event-before"], 60)
        filler = media / "filler"
        _fill(filler)
        for number in range(5):
            error = _refusal(scene, f"event-full-{number}")
            assert (error.status, error.is_permanent) == (503, False)
            assert "No space left on device" in str(error)
        assert scene.stored() == ["event-before"]
        filler.unlink()
        deliver(scene, [f"event-full-{number}" for number in range(5)], 60)
        assert len(scene.stored()) == 6
        assert len([path for path in media.rglob("*") if path.is_file()]) == 6, "nothing is left of the refused ones"


def test_storage_read_only(tmp_path: Path) -> None:
    media = tmp_path / "media"
    with (
        small_disk(media),
        backend_server(tmp_path / "backend", environment={"VIGIL_MEDIA_DIR": str(media)}) as backend,
    ):
        scene = make_scene(backend)
        deliver(scene, ["event-before"], 60)
        subprocess.run(["mount", "-o", "remount,ro", str(media)], check=True)
        error = _refusal(scene, "event-after")
        assert (error.status, error.is_permanent) == (503, False)
        assert not backend.is_ready()
        assert scene.stored() == ["event-before"], "what is there is shown"
        subprocess.run(["mount", "-o", "remount,rw", str(media)], check=True)
        deliver(scene, ["event-after"], 60)
        assert scene.stored() == ["event-after", "event-before"]
        assert backend.is_ready()


def test_killed_between_image_and_row(tmp_path: Path) -> None:
    """The process dies after the image is written and before the row: the sweep finds exactly that file."""
    killer = tmp_path / "killer.py"
    killer.write_text(
        "import os, signal\n"
        "from pathlib import Path\n"
        "armed = Path(os.environ['KILL_WHEN'])\n"
        "def install():\n"
        "    from surveillance import images\n"
        "    save = images.save\n"
        "    def save_and_die(*arguments, **options):\n"
        "        key = save(*arguments, **options)\n"
        "        if armed.exists():\n"
        "            armed.unlink()\n"
        "            os.kill(os.getpid(), signal.SIGKILL)\n"
        "        return key\n"
        "    images.save = save_and_die\n"
    )
    armed = tmp_path / "armed"
    hook = tmp_path / "hooked_asgi.py"
    hook.write_text("from surveillance_backend.asgi import application\nimport killer\nkiller.install()\n")
    environment = {"PYTHONPATH": str(tmp_path), "KILL_WHEN": str(armed)}
    with backend_server(
        tmp_path / "backend", environment=environment, application="hooked_asgi:application"
    ) as backend:
        scene = make_scene(backend)
        deliver(scene, ["event-0001"], 60)
        armed.touch()
        error = _refusal(scene, "event-0002")
        assert error.status is None, "the connection broke: a detector tries again"
        assert not armed.exists()
        assert len(backend.pictures()) == 2, "the picture without a row"
        deliver(scene, ["event-0002"], 90)  # gunicorn has started another worker
        assert scene.stored() == ["event-0001", "event-0002"]
        assert len(backend.pictures()) == 3
        told = json.loads(backend.manage("sweep_pictures", "--dry-run", "--output", "json"))
        assert told["orphans"] == [], "younger than an hour"
        assert _sweep(backend) == 1
        assert len(backend.pictures()) == 2
        assert scene.stored() == ["event-0001", "event-0002"]
