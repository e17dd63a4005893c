"""`vigil-operator`: the command line."""

import argparse
import asyncio
import gc
import sys

from pydantic import ValidationError

from vigil_operator.logs import configure_logging
from vigil_operator.settings import OperatorSettings

NEW_OBJECTS_PER_COLLECTION = 50_000
"""Python's default of 700 takes half the time of parsing a listing, which contains no garbage: with ten thousand
pods, seconds in which nothing else runs, not even the renewal of the Lease."""


def main(arguments: list[str] | None = None) -> int:
    """Run a subcommand; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="vigil-operator",
        description="Runs one detector for each active camera. Settings come from the environment (VIGIL_…).",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="run the operator until it is stopped")
    report = commands.add_parser("diagnose", help="say why a camera gives no alerts")
    report.add_argument("camera", help="name of the Camera resource, or the camera's id in the API")
    report.add_argument("--output", choices=["text", "json"], default="text", help="default: text")
    commands.add_parser(
        "release-cameras", help="before the operator is removed: delete the cameras made with kubectl"
    )
    rollout = commands.add_parser("rollout", help="show, promote or abort the trial of a DetectorClass's new model")
    rollout.add_argument("action", choices=["status", "promote", "abort"])
    rollout.add_argument("detector_class", metavar="CLASS", help="name of the DetectorClass")
    rollout.add_argument("--output", choices=["text", "json"], default="text", help="default: text")
    given = parser.parse_args(arguments)
    try:
        settings = OperatorSettings()
        settings.read_token()
    except (ValidationError, ValueError) as error:
        print(f"vigil-operator: {_readable(error)}", file=sys.stderr)
        return 2
    if given.command == "diagnose":
        return _diagnose(settings, given.camera, given.output)
    if given.command == "release-cameras":
        return _release_cameras(settings)
    if given.command == "rollout":
        return _rollout(settings, given.action, given.detector_class, given.output)
    return _run(settings)


def _rollout(settings: OperatorSettings, action: str, class_name: str, output: str) -> int:
    from vigil_operator.kube.access import AccessError
    from vigil_operator.kube.client import KubeError
    from vigil_operator.rollout_command import RolloutError, run_rollout

    configure_logging("WARNING", settings.log_format)
    try:
        return asyncio.run(run_rollout(settings, action, class_name, output))
    except (AccessError, KubeError, RolloutError) as error:
        print(f"vigil-operator: {error}", file=sys.stderr)
        return 2


def _diagnose(settings: OperatorSettings, camera: str, output: str) -> int:
    from vigil_operator.diagnose import run_diagnose
    from vigil_operator.kube.access import AccessError
    from vigil_operator.kube.client import KubeError

    configure_logging("WARNING", settings.log_format)
    try:
        return asyncio.run(run_diagnose(settings, camera, output))
    except (AccessError, KubeError) as error:
        print(f"vigil-operator: {error}", file=sys.stderr)
        return 2


def _release_cameras(settings: OperatorSettings) -> int:
    from vigil_operator.kube.access import AccessError
    from vigil_operator.kube.client import KubeError
    from vigil_operator.release_cameras import run_release_cameras

    configure_logging("WARNING", settings.log_format)
    try:
        return asyncio.run(run_release_cameras(settings))
    except (AccessError, KubeError) as error:
        print(f"vigil-operator: {error}", file=sys.stderr)
        return 2


def _run(settings: OperatorSettings) -> int:
    from vigil_operator.app import (
        run_operator,
    )  # the libraries take a second to load; --help need not wait
    from vigil_operator.kube.access import AccessError

    configure_logging(settings.log_level, settings.log_format)
    gc.set_threshold(NEW_OBJECTS_PER_COLLECTION, *gc.get_threshold()[1:])
    try:
        asyncio.run(run_operator(settings))
    except AccessError as error:
        print(f"vigil-operator: {error}", file=sys.stderr)
        return 2
    return 0


def _readable(error: Exception) -> str:
    """Return each invalid setting by the name of its variable."""
    if not isinstance(error, ValidationError):
        return str(error)
    problems = error.errors(include_url=False, include_input=False)
    return "; ".join(f"VIGIL_{str(problem['loc'][0]).upper()}: {problem['msg']}" for problem in problems)


if __name__ == "__main__":
    sys.exit(main())
