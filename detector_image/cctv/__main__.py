"""`cctv`: analyse all cameras (poll mode) or one with `--camera` (pod mode), or run one of the subcommands."""

import argparse
import sys
from collections.abc import Sequence

from cctv.common.collector import collector_paused
from vigil_contracts.stop_signals import stop_on_signals

EXIT_INVALID_SETTING = 2


def _parser() -> argparse.ArgumentParser:
    from cctv.config import describe_settings

    parser = argparse.ArgumentParser(
        prog="cctv",
        description="Analyses cameras with YOLOv8 and sends alerts to Vigil's API. Without --camera: every "
        "active camera of the group, in this one process. `cctv replay` shows what rules make of a clip, "
        "`cctv export` prepares a model, `cctv discover` finds cameras, `cctv serve-model` runs the models of many "
        "detectors; each has a --help of its own.",
        epilog=f"settings, from the environment:\n{describe_settings()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--camera", type=int, metavar="ID", help="watch this camera alone, with its own token")
    what.add_argument(
        "--prober", action="store_true", help="watch none: try streams and look for cameras, when the API asks"
    )
    parser.add_argument("--group", default=None, metavar="NAME", help="watch the cameras of this group (VIGIL_GROUP)")
    return parser


def watch(arguments: Sequence[str]) -> int:
    """Run the detector until a signal; return the exit status."""
    with collector_paused():
        chosen = _parser().parse_args(arguments)
        # Imported late so that `--help` does not wait for them.
        from cctv import logs
        from cctv.config import InvalidSettingError, load_settings
        from cctv.runtime.app import Detector
        from cctv.runtime.prober_app import ProberProgram

    try:
        settings = load_settings()
        if chosen.group is not None:
            settings = settings.model_copy(update={"group": chosen.group})
        logs.set_up(settings.log_format, settings.log_level)
        program = ProberProgram(settings) if chosen.prober else Detector(settings, chosen.camera)
    except InvalidSettingError as error:
        print(f"cctv: {error}", file=sys.stderr)
        return EXIT_INVALID_SETTING
    with stop_on_signals(program.stop):
        program.run()
    return 0


def replay(arguments: Sequence[str]) -> int:
    """`cctv replay`: run the analysis on a file; return the exit status."""
    from cctv.commands.replay import add_arguments
    from cctv.commands.replay import main as replay_clip

    parser = argparse.ArgumentParser(prog="cctv replay", description="Shows what a camera's rules make of a clip.")
    add_arguments(parser)
    return replay_clip(parser.parse_args(arguments))


def export(arguments: Sequence[str]) -> int:
    """`cctv export`: convert weights into a faster format; return the exit status."""
    from cctv.commands.export import add_arguments
    from cctv.commands.export import main as export_model

    parser = argparse.ArgumentParser(
        prog="cctv export",
        description="Exports weights as an OpenVINO INT8 model or a TensorRT engine, calibrated on your own frames.",
    )
    add_arguments(parser)
    return export_model(parser.parse_args(arguments))


def discover(arguments: Sequence[str]) -> int:
    """`cctv discover`: list the cameras in this machine's network; return the exit status."""
    from cctv.commands.discover import add_arguments
    from cctv.commands.discover import main as discover_cameras

    parser = argparse.ArgumentParser(
        prog="cctv discover",
        description="Asks this machine's networks for cameras (ONVIF WS-Discovery) and shows which answered.",
    )
    add_arguments(parser)
    return discover_cameras(parser.parse_args(arguments))


def serve_model(arguments: Sequence[str]) -> int:
    """`cctv serve-model`: run the models of many detectors until a signal; return the exit status."""
    from cctv.config import InvalidSettingError, describe_settings, read_settings
    from cctv.serving.settings import InferenceSettings

    parser = argparse.ArgumentParser(
        prog="cctv serve-model",
        description="Runs the models of many detectors in one process, over KServe's inference protocol (version 2). "
        "Detectors use it with VIGIL_RUNTIME=triton and VIGIL_TRITON_URL.",
        epilog=f"settings, from the environment:\n{describe_settings(InferenceSettings)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", nargs="*", help="paths or names; default: VIGIL_MODEL, or yolov8n")
    chosen = parser.parse_args(arguments)
    with collector_paused():
        from cctv import logs
        from cctv.detectors.errors import ModelInvalidError
        from cctv.serving.app import InferenceProgram

    try:
        settings = read_settings(InferenceSettings)
        logs.set_up(settings.log_format, settings.log_level)
        program = InferenceProgram(settings, chosen.model)
    except (InvalidSettingError, ModelInvalidError) as error:
        print(f"cctv serve-model: {error}", file=sys.stderr)
        return EXIT_INVALID_SETTING
    with stop_on_signals(program.stop):
        program.run()
    return 0


PROGRAMS = {"replay": replay, "export": export, "discover": discover, "serve-model": serve_model}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program; the entry point."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    program = PROGRAMS.get(words[0]) if words else None
    sys.exit(program(words[1:]) if program else watch(words))


if __name__ == "__main__":
    main()
