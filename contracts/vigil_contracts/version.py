"""The version of the installed Vigil package."""

from importlib.metadata import PackageNotFoundError, version


def vigil_version() -> str:
    """Return the version, or `?` where Vigil runs from its source without being installed."""
    try:
        return version("vigil-cctv")
    except PackageNotFoundError:
        return "?"
