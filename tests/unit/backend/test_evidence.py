"""Exported recordings: videos without transcoding, a signed manifest, and its verification with nothing of Vigil."""

import hashlib
import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import av
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from django.core.management import CommandError, call_command
from pytest_django import Settings
from tests.integration.services.made_clips import make_clip
from tests.unit.backend.conftest import Party
from tests.unit.detector.recording.recorded import BEGIN, Clocks, play, recorder_on, spool_of

from surveillance.models import Camera
from vigil_apps.audit.models import AuditEntry
from vigil_apps.evidence.core.keys import new_key
from vigil_apps.recordings.models import RecordedSegment
from vigil_contracts.evidence_verifier import is_signed, key_id, problems_of, public_key_of
from vigil_contracts.recording import recording_key

BEGIN_MS = round(BEGIN * 1000)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "evidence.pem"
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(pem)
    return path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "in.mp4", seconds=10)


@pytest.fixture
def recorded(tmp_path: Path, media: Path, camera: Camera, detector: Party, clip: Path) -> Camera:
    """Ten seconds of the camera in three files, five seconds of gap, and ten seconds again."""
    clocks = Clocks()
    recorder = recorder_on(tmp_path / "spool", clocks, camera_id=camera.pk)
    play(clip, recorder, clocks)
    clocks.passed = 15.0
    play(clip, recorder, clocks)
    waiting = spool_of(recorder).waiting(camera.pk)
    for one in waiting:
        path = media / recording_key(camera.pk, one.facts.start_ms)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(one.path, path)
    names = ("start_ms", "duration_ms", "size_bytes", "init_bytes", "init_id", "codecs", "width", "height")
    segments = [{**{name: getattr(one.segment, name) for name in names}, "motion": 0} for one in waiting]
    gaps = [{"start_ms": BEGIN_MS + 10_000, "end_ms": BEGIN_MS + 15_000, "reason": "StreamUnreachable"}]
    answer = detector.client.post(
        f"/api/cameras/{camera.pk}/recordings/", {"segments": segments, "gaps": gaps}, format="json"
    )
    assert answer.json()["missing"] == []
    return camera


def at(seconds: float) -> str:
    return (datetime.fromtimestamp(BEGIN, UTC) + timedelta(seconds=seconds)).isoformat()


def export(
    camera: Camera, key: Path | None, folder: Path, first: float = 0, last: float = 30, **options: Any
) -> Path:
    call_command(
        "export_evidence",
        str(folder),
        camera=[camera.pk],
        start=at(first),
        end=at(last),
        key=key,
        by="Anna Berg",
        title="4711/26",
        **options,
    )
    return folder


def verify(folder: Path, *options: str) -> tuple[int, str]:
    """Run the exported script as a court does: isolated from all that is installed."""
    command = [sys.executable, "-I", "-S", str(folder / "verify.py"), str(folder), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def frames_of(path: Path) -> list[tuple[float, bytes]]:
    with av.open(str(path)) as container:
        return [
            (float(frame.time or 0.0), hashlib.sha256(frame.to_ndarray().tobytes()).digest())
            for frame in container.decode(video=0)
        ]


def test_the_video_has_every_frame_unchanged_at_its_time(
    recorded: Camera, key: Path, clip: Path, tmp_path: Path
) -> None:
    folder = export(recorded, key, tmp_path / "out")
    (video,) = folder.glob("*.mp4")
    frames, source = frames_of(video), frames_of(clip)
    assert [digest for _, digest in frames] == [digest for _, digest in source] * 2
    times = [time for time, _ in frames]
    assert times[0] == pytest.approx(0, abs=0.001)
    assert times[100] - times[0] == pytest.approx(15, abs=0.3), "the gap keeps its length"
    with av.open(str(video)) as container:
        assert container.duration is not None
        assert container.duration / 1e6 == pytest.approx(25, abs=0.3), "and the file knows how long it is"
        container.seek(20_000_000)
        assert next(container.decode(video=0)).time == pytest.approx(20, abs=2), "and can be searched"


def test_the_manifest_says_what_there_is_and_what_is_missing(
    recorded: Camera, key: Path, media: Path, tmp_path: Path
) -> None:
    lost = RecordedSegment.objects.order_by("start_ms")[1]
    (media / lost.key).unlink()
    folder = export(recorded, key, tmp_path / "out", -60)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert [manifest[name] for name in ("title", "exported_by", "format")] == [
        "4711/26",
        "Anna Berg",
        "vigil-evidence/1",
    ]
    (shown,) = manifest["cameras"]
    assert (shown["id"], shown["name"], len(shown["segments"])) == (recorded.pk, "Gate", 5)
    stored = media / recording_key(recorded.pk, BEGIN_MS)
    assert shown["segments"][0]["sha256"] == hashlib.sha256(stored.read_bytes()).hexdigest()
    reasons = [gap["reason"] for gap in shown["gaps"]]
    assert reasons == ["NotRecorded", "StorageLost", "StreamUnreachable", "NotRecorded"]
    assert shown["gaps"][2]["message"].startswith("The camera is unreachable.")
    assert {one["name"] for one in manifest["files"]} == {
        path.name for path in folder.iterdir() if path.name not in {"manifest.json", "manifest.sig", "public-key.pem"}
    }
    entry = AuditEntry.objects.get(kind="evidence")
    digest = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    assert entry.changes["manifest_sha256"] == [None, digest]


def test_a_machine_without_vigil_finds_each_change(recorded: Camera, key: Path, tmp_path: Path) -> None:
    folder = export(recorded, key, tmp_path / "out")
    public = public_key_of((folder / "public-key.pem").read_bytes())
    status, words = verify(folder, "--key-id", key_id(public))
    assert (status, words) == (0, f"OK      unchanged since it was signed with the key {key_id(public)}\n")
    assert "WARNING the key came with the folder" in verify(folder)[1]
    (video,) = folder.glob("*.mp4")
    content = bytearray(video.read_bytes())
    content[len(content) // 2] ^= 1
    video.write_bytes(content)
    (folder / "SHA256SUMS").unlink()
    (folder / "added.mp4").write_bytes(b"x")
    assert verify(folder) == (
        1,
        "FAILED  SHA256SUMS: is missing\n"
        "FAILED  added.mp4: was added, it is not in the manifest\n"
        f"FAILED  {video.name}: was changed, its SHA-256 sum differs\n",
    )
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace("Anna Berg", "Nobody"))
    assert problems_of(folder, public) == [
        "manifest.json: the signature is not by this key, or the file was changed after it was signed"
    ]
    other = Ed25519PrivateKey.generate().public_key()
    (folder / "public-key.pem").write_bytes(other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    assert verify(folder, "--key-id", key_id(public))[0] == 1, "a key that was exchanged with the folder"
    (folder / "public-key.pem").write_text("no key")
    assert verify(folder)[0] == 2


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_and_sha256sum_verify_it_too(recorded: Camera, key: Path, tmp_path: Path) -> None:
    folder = export(recorded, key, tmp_path / "out")
    signed = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "public-key.pem", "-rawin"]
    signed += ["-in", "manifest.json", "-sigfile", "manifest.sig"]
    for command in (signed, ["sha256sum", "--check", "--strict", "SHA256SUMS"]):
        subprocess.run(command, cwd=folder, check=True, capture_output=True)


def test_signatures_are_those_of_the_library() -> None:
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    signature = key.sign(b"text")
    assert is_signed(b"text", signature, public)
    assert not is_signed(b"texT", signature, public)
    for place in (0, 31, 32, 63):
        changed = bytearray(signature)
        changed[place] ^= 1
        assert not is_signed(b"text", bytes(changed), public), place
    order = 2**252 + 27742317777372353535851937790883648493
    greater = signature[:32] + (int.from_bytes(signature[32:], "little") + order).to_bytes(32, "little")
    assert not is_signed(b"text", greater, public), "RFC 8032: s must be below the group's order"
    assert not is_signed(b"text", b"", public)
    assert not is_signed(b"text", signature, b"\xff" * 32)


def test_earlier_public_keys_stay_published(
    recorded: Camera, anna: Party, settings: Settings, tmp_path: Path
) -> None:
    assert anna.client.get("/api/evidence/keys/").json() == []
    with pytest.raises(CommandError, match="set VIGIL_EVIDENCE_KEY"):
        call_command(
            "export_evidence", str(tmp_path / "no"), camera=[recorded.pk], start=at(0), end=at(1), by="Anna Berg"
        )
    first, second = new_key(), new_key()
    settings.VIGIL_EVIDENCE_KEY = first
    folder = export(recorded, None, tmp_path / "first")
    (shown,) = anna.client.get("/api/evidence/keys/").json()
    assert shown["public_key"] == (folder / "public-key.pem").read_text()
    assert shown["valid_until"] is None
    settings.VIGIL_EVIDENCE_KEY = second
    now, then = anna.client.get("/api/evidence/keys/").json()
    assert (then["key_id"], then["public_key"]) == (shown["key_id"], shown["public_key"])
    assert (now["valid_until"], then["valid_until"]) == (None, now["valid_from"])
    public = tmp_path / "published.pem"
    public.write_text(then["public_key"])
    assert verify(folder, "--public-key", str(public))[0] == 0
    assert "PRIVATE" not in str(anna.client.get("/api/evidence/keys/").content)
    settings.VIGIL_EVIDENCE_KEY = first
    again, replaced = anna.client.get("/api/evidence/keys/").json()
    valid = {one["key_id"]: one["valid_until"] for one in (again, replaced)}
    assert valid[shown["key_id"]] is None, "a key that is used again"
    assert valid[now["key_id"]] is not None


def test_a_wrong_order_is_named(recorded: Camera, key: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with pytest.raises(CommandError, match="nothing is recorded in this period"):
        export(recorded, key, folder, 100, 200)
    with pytest.raises(CommandError, match="--to must be later than --from"):
        export(recorded, key, folder, 9, 8)
    with pytest.raises(CommandError, match="is not an Ed25519 private key"):
        export(recorded, tmp_path / "in.mp4", folder)
    with pytest.raises(CommandError, match="no camera with the id 0"):
        export(Camera(pk=0), key, folder)
    export(recorded, key, folder)
    with pytest.raises(CommandError, match="is not empty; name a new folder"):
        export(recorded, key, folder)
