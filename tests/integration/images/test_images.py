"""The container images, built from their Dockerfiles: small, without root, with an SBOM, and working."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from tests.cluster.machine import MachineUnavailableError, require_linux_root
from tests.cluster.product_images import product_archive, version
from tests.integration.images.archive import Image, folders, unpack
from tools.system_packages import MissingPackagesError

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(os.environ.get("VIGIL_E2E") != "1", reason="builds images for minutes: `make e2e` runs it"),
]

MEGABYTE = 1_000_000
LIMITS_BYTES = {"operator": 250 * MEGABYTE, "backend": 250 * MEGABYTE, "detector": 450 * MEGABYTE}
SETTINGS = {
    "VIGIL_SECRET_KEY": "only-for-trying-only-for-trying-only-for-trying-only",
    "VIGIL_CREDENTIAL_KEYS": Fernet.generate_key().decode(),
    "VIGIL_INSECURE_HTTP": "1",
}


@pytest.fixture(scope="module")
def image_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Image]:
    """Build an image, or use the cached one, and unpack it. Skips the test if a prerequisite is missing."""
    try:
        require_linux_root()
    except MachineUnavailableError as error:
        pytest.skip(str(error))

    @cache
    def find(name: str) -> Image:
        try:
            archive = product_archive(name)
        except MissingPackagesError as error:
            pytest.skip(str(error))
        return unpack(archive, tmp_path_factory.mktemp(name))

    return find


@pytest.mark.parametrize("name", LIMITS_BYTES)
def test_image_size(image_of: Callable[[str], Image], name: str) -> None:
    size = image_of(name).size_bytes
    print(f"{name}: {size / MEGABYTE:.0f} MB")
    assert size <= LIMITS_BYTES[name], f"{size / MEGABYTE:.0f} MB"


@pytest.mark.parametrize("name", LIMITS_BYTES)
def test_image_user_is_numeric_and_not_root(image_of: Callable[[str], Image], name: str) -> None:
    assert image_of(name).configuration["User"] == "10001:10001"


@pytest.mark.parametrize("name", LIMITS_BYTES)
def test_image_has_descriptive_labels(image_of: Callable[[str], Image], name: str) -> None:
    labels = image_of(name).labels
    prefix = "org.opencontainers.image."
    assert labels[f"{prefix}version"] == version()
    assert labels[f"{prefix}licenses"] == "AGPL-3.0-only"
    assert len(labels[f"{prefix}revision"]) == 40
    assert labels[f"{prefix}title"].startswith("Vigil ")


@pytest.mark.parametrize("name", LIMITS_BYTES)
def test_sbom_lists_all_installed_packages(image_of: Callable[[str], Image], name: str) -> None:
    root = image_of(name).root
    text = (root / "usr/share/doc/vigil/sbom.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    purls = {each["purl"].partition("@")[0]: each["version"] for each in json.loads(text)["components"]}
    assert {"pkg:pypi/vigil-cctv", "pkg:pypi/httpx", "pkg:deb/debian/libc6"} <= purls.keys()
    lock = (Path(__file__).parents[3] / "locks" / f"{name}.txt").read_text()
    assert f"httpx=={purls['pkg:pypi/httpx']} " in lock
    # A source archive without pyproject.toml is installed as an egg.
    installed = {path.name for path in root.glob("opt/vigil/lib/python3*/site-packages/*.*-info")}
    python = [purl for purl in purls if purl.startswith("pkg:pypi/")]
    assert len(python) == len(installed)


@pytest.mark.parametrize("name", LIMITS_BYTES)
def test_image_has_no_shell_and_no_package_manager(image_of: Callable[[str], Image], name: str) -> None:
    tools = ["/bin/sh", "/usr/bin/sh", "/bin/bash", "/usr/bin/apt-get", "/usr/bin/dpkg", "/opt/vigil/bin/pip"]
    assert folders(tools, image_of(name).root) == []


@pytest.mark.parametrize("name", LIMITS_BYTES)
def test_user_owns_only_the_data_folder(image_of: Callable[[str], Image], name: str) -> None:
    root = image_of(name).root
    writable = [
        str(path.relative_to(root))
        for path in root.rglob("*")
        if not path.is_symlink() and (path.stat().st_uid != 0 or path.stat().st_mode & 0o002)
    ]
    assert sorted(writable) == ["tmp", "var/lib/vigil"]


def test_the_operator_runs_on_a_read_only_root(image_of: Callable[[str], Image]) -> None:
    assert "run the operator" in image_of("operator").run("vigil-operator", "--help")
    image_of("operator").run("python3", "-c", "import vigil_operator.app, kopf, kubernetes.aio.config")


def test_the_backend_migrates_and_serves_on_a_read_only_root(image_of: Callable[[str], Image]) -> None:
    backend = image_of("backend")
    said = backend.run("django-admin", "bootstrap", environment=SETTINGS)
    assert "Applying surveillance.0001_initial" in said
    assert "no issues" in backend.run("django-admin", "check", environment=SETTINGS)
    backend.run(
        "python3",
        "-c",
        "import surveillance_backend.asgi, django.db.backends.postgresql.base, redis",
        environment=SETTINGS,
    )
    backend.run("python3", "-c", "from surveillance.core import jpeg_rewrite; assert jpeg_rewrite.is_available()")
    gunicorn = ["gunicorn", "--check-config", "--config", "python:surveillance_backend.gunicorn_conf"]
    backend.run(*gunicorn, "surveillance_backend.asgi:application", environment=SETTINGS)


def test_the_detector_finds_people_on_a_read_only_root(image_of: Callable[[str], Image]) -> None:
    """Loads everything: the remaining OpenVINO plug-ins, OpenCV with PyAV's FFmpeg, and the demo model."""
    detector = image_of("detector")
    assert "watch this camera alone" in detector.run("cctv", "--help")
    detector.run("python3", "-c", "import cctv.detectors.int8_process")
    looked = json.loads(detector.run("python3", "-c", _LOOK).splitlines()[-1])
    assert looked["people"] >= 1
    assert looked["decoded"] == 6
    assert looked["jpeg"] > 1000


_LOOK = """
import io, json
from datetime import UTC, datetime
import av, cv2, trackforge
from cctv.detectors.loader import load_model
from cctv.common.frame import Frame
from vigil_demo.scene.stills import stills

model = load_model("demo")
pictures = [picture.image for picture in stills(7, 6)]
found = [model.detect(Frame.from_bgr(image, datetime.now(UTC), 0.0, 0)) for image in pictures]
people = sum(int((each.class_ids == model.labels.index("person")).sum()) for each in found)

written = io.BytesIO()
with av.open(written, "w", format="mp4") as container:
    stream = container.add_stream("libx264", rate=5)
    stream.height, stream.width = pictures[0].shape[:2]
    for image in pictures:
        container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
    container.mux(stream.encode(None))
written.seek(0)
with av.open(written) as container:
    decoded = sum(1 for _ in container.decode(video=0))
jpeg = cv2.imencode(".jpg", cv2.GaussianBlur(pictures[0], (5, 5), 0))[1]
print(json.dumps({"people": people, "decoded": decoded, "jpeg": len(jpeg)}))
"""
