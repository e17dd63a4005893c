"""The commands `vigil import` and `vigil export`."""

import argparse

from vigil_transfer import export_command, import_command


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add both commands with their options."""
    importing = commands.add_parser("import", help="take cameras from a file: vigil import frigate config.yml")
    import_command.add_options(importing)
    importing.set_defaults(transfer=import_command.run_import)
    exporting = commands.add_parser(
        "export", help="print your cameras and subscriptions as YAML, or Kubernetes resources"
    )
    export_command.add_options(exporting)
    exporting.set_defaults(transfer=export_command.run_export)
