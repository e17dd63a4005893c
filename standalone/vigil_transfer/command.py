"""The commands `vigil import` and `vigil export`: their options.

What carries them out is imported when it is used: it loads the libraries of the detector. `vigil run` has the same
parser, and stays in memory for months.
"""

import argparse
from pathlib import Path

SYSTEMS = ("frigate", "vigil", "viseron", "zoneminder")
"""Those whose files can be imported."""


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add both commands with their options."""
    importing = commands.add_parser("import", help="take cameras from a file: vigil import frigate config.yml")
    _add_import_options(importing)
    importing.set_defaults(transfer=_run_import)
    exporting = commands.add_parser(
        "export", help="print your cameras and subscriptions as YAML, or Kubernetes resources"
    )
    _add_export_options(exporting)
    exporting.set_defaults(transfer=_run_export)


def _add_import_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("system", choices=SYSTEMS, help="the system that wrote the file")
    parser.add_argument(
        "file", type=Path, nargs="+", help="its configuration; for zoneminder monitors.json zones.json"
    )
    parser.add_argument("--dry-run", action="store_true", help="check everything and write nothing")
    parser.add_argument("--env-file", type=Path, help="file of variables that the configuration uses (NAME=value)")
    parser.add_argument("--credentials", type=Path, help="file that `vigil export --credentials` wrote; for vigil")
    _add_connection_options(parser)
    parser.add_argument("--output", choices=("table", "json"), default="table", help="default: table")


def _add_export_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kubernetes", action="store_true", help="print Camera resources for kubectl")
    parser.add_argument("--namespace", default="vigil-cameras", help="of the resources; default: vigil-cameras")
    parser.add_argument(
        "--credentials", type=Path, help="write the credentials of the active cameras into this file, readable by you"
    )
    parser.add_argument(
        "--pipeline-token-file", type=Path, help="token that may read credentials; default: that of `vigil run` here"
    )
    _add_connection_options(parser)


def _add_connection_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", default="", help="address of the API; default: VIGIL_API_URL, or `vigil run` here")
    parser.add_argument("--token-file", type=Path, help="file with a user's token; default: VIGIL_TOKEN_FILE")


def _run_import(arguments: argparse.Namespace) -> int:
    from vigil_transfer.import_command import run_import

    return run_import(arguments)


def _run_export(arguments: argparse.Namespace) -> int:
    from vigil_transfer.export_command import run_export

    return run_export(arguments)
