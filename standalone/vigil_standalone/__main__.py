"""`vigil run`: everything on this machine, until Ctrl-C."""

import argparse
import os
import sys

from vigil_standalone import settings
from vigil_standalone.run import StartError, run


def main() -> int:
    """Exit status 0 after Ctrl-C, 1 when something did not start, 2 when a setting is wrong."""
    parser = argparse.ArgumentParser(
        prog="vigil",
        description="Vigil on this machine, with no cluster.",
        epilog="Settings are environment variables: CAMERA, MODEL, HOST, PORT, DEMO, VIGIL_PUBLIC_URL, "
        "VIGIL_DATA_DIR.",
    )
    parser.add_subparsers(dest="command", required=True).add_parser(
        "run", help="the backend, the pipeline and the demo camera, until Ctrl-C"
    )
    parser.parse_args()
    try:
        loaded = settings.load()
        if problem := settings.exposure_problem(os.environ):
            sys.stderr.write(f"vigil: {problem}\n")
        return run(loaded)
    except settings.InvalidSettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except StartError as error:
        sys.stderr.write(f"vigil: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
