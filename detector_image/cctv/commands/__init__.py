"""The subcommands of `cctv`: `replay`, `export` and `discover`."""
