"""Write the Grafana dashboards of the chart.

python -m tools.dashboards          # charts/vigil/dashboards/*.json
"""

from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from tools.dashboards.camera import camera
from tools.dashboards.fleet import fleet
from tools.dashboards.platform import platform

FOLDER = Path(__file__).parents[2] / "charts/vigil/dashboards"


def render() -> dict[str, str]:
    """Return the file name and text of every dashboard."""
    built = [made().build() for made in (fleet, camera, platform)]
    return {f"{each.uid}.json": JSONEncoder(sort_keys=True, indent=2).encode(each) + "\n" for each in built}


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in render().items():
        (FOLDER / name).write_text(text)
        print(f"dashboards: {FOLDER.name}/{name}")


if __name__ == "__main__":
    main()
