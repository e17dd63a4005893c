"""The version of the installed Vigil package."""

from importlib.metadata import PackageNotFoundError, version


def vigil_version() -> str:
    """Return the version, or `?` if Vigil runs from source without being installed."""
    try:
        return version("vigil-cctv")
    except PackageNotFoundError:
        return "?"
