"""`cctv discover`: list the cameras in this machine's network as a table or as JSON."""

import argparse
import sys

from cctv.streams.discovery import LISTEN_SECONDS, discover
from vigil_contracts.detector_tasks import DiscoveryResult


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--output", choices=("table", "json"), default="table", help="table for people (default), or json"
    )
    parser.add_argument(
        "--seconds",
        type=_seconds,
        default=LISTEN_SECONDS,
        help="how long answers are waited for (default: %(default)s)",
    )


def main(arguments: argparse.Namespace) -> int:
    """Run the command; return the exit status: 1 if no camera answered."""
    result = discover(arguments.seconds)
    if arguments.output == "json":
        print(result.model_dump_json(indent=2))
    elif result.cameras:
        print(table_of(result))
    if result.message:
        print(f"cctv: {result.message}", file=sys.stderr)
    return 0 if result.cameras else 1


def table_of(result: DiscoveryResult) -> str:
    """Return one line for each camera, in columns."""
    rows: list[tuple[str, ...]] = [("ADDRESS", "NAME", "MODEL", "LOCATION", "ONVIF SERVICE")]
    for camera in result.cameras:
        cells = (camera.address, camera.name, camera.hardware, camera.location, " ".join(camera.services))
        rows.append(tuple(_plain(cell) or "-" for cell in cells))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _plain(text: str) -> str:
    """Remove control characters: a device's text must not control the terminal."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 60:
        raise argparse.ArgumentTypeError("must be 0.1 to 60")
    return seconds
