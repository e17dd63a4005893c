"""`vigil run`: run everything on this machine until Ctrl-C; `vigil install-service`: run it at boot.

`vigil import` and `vigil export` exchange cameras with files, through the API of this machine or of a cluster.
`vigil verify` checks exported recordings.
"""

import argparse
import os
import sys
from pathlib import Path

from vigil_contracts import evidence_verifier
from vigil_transfer import command as transfer


def main() -> int:
    """Return exit status 0 after Ctrl-C, 1 if something did not start, 2 for an invalid setting."""
    parser = argparse.ArgumentParser(
        prog="vigil",
        description="Vigil on this machine, with no cluster, and the import and export of cameras.",
        epilog="Settings are environment variables: CAMERA, MODEL, HOST, PORT, DEMO, VIGIL_PUBLIC_URL, "
        "VIGIL_DATA_DIR.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="the backend, the pipeline and the demo camera, until Ctrl-C")
    commands.add_parser("install-service", help="start `vigil run` at boot, by systemd, with the settings of now")
    commands.add_parser("uninstall-service", help="remove that service; the data stays")
    verify = commands.add_parser("verify", help="check exported recordings for changes; needs no server or network")
    evidence_verifier.add_arguments(verify)
    transfer.add_commands(commands)
    arguments = parser.parse_args()
    if arguments.command == "verify":
        return evidence_verifier.run(arguments)
    if "transfer" in arguments:
        return int(arguments.transfer(arguments))
    return _run_here(arguments.command)


def _run_here(command: str) -> int:
    from vigil_standalone import service, settings  # only here: they load the detector's libraries
    from vigil_standalone.run import StartError, run
    from vigil_standalone.state import DataDirectory

    unit_folder = Path(os.environ.get("UNIT_DIR") or "/etc/systemd/system")
    try:
        if command != "run":
            last = service.last_settings(unit_folder)
            os.environ.update({name: value for name, value in last.items() if not os.environ.get(name)})
        loaded = settings.load()
        if problem := settings.exposure_problem(os.environ):
            sys.stderr.write(f"vigil: {problem}\n")
        if command == "install-service":
            return service.install(loaded, os.environ, unit_folder)
        if command == "uninstall-service":
            return service.uninstall(DataDirectory(loaded.vigil_data_dir), unit_folder)
        return run(loaded)
    except settings.InvalidSettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except StartError as error:
        sys.stderr.write(f"vigil: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
