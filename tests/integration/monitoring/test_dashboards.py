"""The chart's Grafana dashboards are current, with correct links, units and variables."""

import json
from typing import Any

import pytest
from tools.dashboards.__main__ import FOLDER, render

DASHBOARDS = {name: json.loads(text) for name, text in render().items()}


def panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all panels except row headings."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def test_chart_dashboards_are_current() -> None:
    """`python -m tools.dashboards` writes them again."""
    assert {path.name: path.read_text() for path in FOLDER.glob("*.json")} == render()


@pytest.mark.parametrize("name", DASHBOARDS)
def test_panels_have_title_unit_and_distinct_queries(name: str) -> None:
    for panel in panels(DASHBOARDS[name]):
        assert panel["title"]
        if panel["type"] != "table":
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        letters = [target["refId"] for target in panel["targets"]]
        assert len(set(letters)) == len(letters) > 0, panel["title"]


@pytest.mark.parametrize("name", DASHBOARDS)
def test_query_variables_exist(name: str) -> None:
    dashboard = DASHBOARDS[name]
    known = {variable["name"] for variable in dashboard["templating"]["list"]}
    assert {"datasource", "namespace"} <= known
    for panel in panels(dashboard):
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${datasource}"
            for variable in ("namespace", "camera"):
                assert f"${variable}" not in target["expr"] or variable in known


def test_fleet_table_links_to_the_camera_dashboard() -> None:
    table = next(panel for panel in panels(DASHBOARDS["vigil-fleet.json"]) if panel["type"] == "table")
    links = [item for item in table["fieldConfig"]["overrides"] if item["matcher"]["options"] == "Camera"]
    assert links[0]["properties"][0]["value"][0]["url"].startswith("/d/vigil-camera/")
    assert "vigil-camera.json" in DASHBOARDS
