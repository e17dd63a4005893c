"""`manage.py export_evidence`: export recordings as a signed folder."""

from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from surveillance.images import StorageUnavailableError
from surveillance.management.output import megabytes
from surveillance.models import Camera
from vigil_apps.evidence.archive import FolderOutput
from vigil_apps.evidence.core.keys import MAKE_KEY, key_of
from vigil_apps.evidence.core.manifest import Order, Period
from vigil_apps.evidence.folder import NothingRecordedError, evidence_export, evidence_material
from vigil_apps.evidence.signing import NoSigningKeyError, signing_key
from vigil_apps.recordings.core.mp4_boxes import InvalidRecordingError
from vigil_contracts.bounds import INSTANT_RANGE, is_plausible


class Command(BaseCommand):
    """For administrators: it reads every camera's recordings."""

    help = "Exports recordings as MP4 files with a signed manifest, which `vigil verify FOLDER` checks."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command's options."""
        parser.add_argument("folder", type=Path, help="a new or empty folder")
        parser.add_argument("--camera", type=int, action="append", required=True, help="id; repeat it for several")
        parser.add_argument("--from", dest="start", required=True, help="such as 2026-11-29T12:00:00Z")
        parser.add_argument("--to", dest="end", required=True)
        parser.add_argument("--key", type=Path, help="Ed25519 private key in PEM; default: VIGIL_EVIDENCE_KEY")
        parser.add_argument("--by", required=True, help="name of the person who exports")
        parser.add_argument("--title", default="", help="such as the number of the case")
        parser.add_argument("--notes", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        """Export them and print the files with their sums."""
        start, end = _milliseconds(options["start"], "--from"), _milliseconds(options["end"], "--to")
        if end <= start:
            raise CommandError("--to must be later than --from")
        order = Order(options["by"], options["title"], notes=options["notes"])
        periods = [Period(camera_id, start, end) for camera_id in _known_cameras(options["camera"])]
        key = _key(options["key"])
        folder: Path = options["folder"]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.iterdir()):
                raise CommandError(f"{folder} is not empty; name a new folder")
            exported = evidence_export(
                evidence_material(periods),
                order=order,
                output=FolderOutput(folder),
                key=key,
                now=timezone.now(),
                progress=self._progress,
            )
        except NothingRecordedError:
            raise CommandError("nothing is recorded in this period") from None
        except (OSError, StorageUnavailableError, InvalidRecordingError) as error:
            raise CommandError(f"the export failed and {folder} is incomplete: {error}") from None
        for one in exported.files:
            self.stdout.write(f"{one.sha256}  {one.name}  {megabytes(one.size_bytes)}")

    def _progress(self, done: int, total: int) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"\r{100 * done // total} %", ending="\n" if done == total else "")


def _milliseconds(text: str, option: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{option} {INSTANT_RANGE}") from None
    if moment.tzinfo is None or not is_plausible(moment):
        raise CommandError(f"{option} {INSTANT_RANGE}")
    return round(moment.timestamp() * 1000)


def _known_cameras(ids: list[int]) -> list[int]:
    found = set(Camera.objects.filter(pk__in=ids).values_list("pk", flat=True))
    if unknown := [str(one) for one in ids if one not in found]:
        raise CommandError(f"there is no camera with the id {', '.join(unknown)}")
    return list(dict.fromkeys(ids))


def _key(path: Path | None) -> Ed25519PrivateKey:
    try:
        key = key_of(path.read_bytes()) if path is not None else signing_key(now=timezone.now())
    except OSError as error:
        raise CommandError(f"the key {path} cannot be read: {error.strerror}") from None
    except NoSigningKeyError as error:
        raise CommandError(f"{error} Or name a key with --key.") from None
    if key is None:
        raise CommandError(f"{path} is not an Ed25519 private key without a passphrase; make one with {MAKE_KEY}")
    return key
