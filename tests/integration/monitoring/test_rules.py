"""The alert rules: valid, tested by promtool, and with runbooks."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.integration.services.prometheus import promtool

ROOT = Path(__file__).parents[3]
RULES = ROOT / "charts/vigil/rules/vigil.yaml"
RULES_TEST = Path(__file__).parent / "rules_test.yaml"
RUNBOOKS = ROOT / "docs/runbooks"


def _rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def test_promtool_accepts_the_rules(prometheus_programs: Path) -> None:
    assert "SUCCESS" in promtool(prometheus_programs, "check", "rules", RULES)


def test_alert_rules_pass_promtool_tests(prometheus_programs: Path) -> None:
    promtool(prometheus_programs, "test", "rules", RULES_TEST)


def test_each_rule_has_a_test_in_which_it_fires() -> None:
    fired = {
        case["alertname"]
        for test in yaml.safe_load(RULES_TEST.read_text())["tests"]
        for case in test["alert_rule_test"]
        if case["exp_alerts"]
    }
    assert fired == {rule["alert"] for rule in _rules()}


@pytest.mark.parametrize("rule", _rules(), ids=lambda rule: str(rule["alert"]))
def test_each_alert_has_a_runbook_with_impact_diagnosis_and_remediation(
    rule: dict[str, Any],
) -> None:
    assert rule["annotations"]["runbook_url"] == f"https://vigil.dev/runbooks/{rule['alert']}/"
    page = (RUNBOOKS / f"{rule['alert']}.md").read_text()
    assert page.startswith(f"# {rule['alert']}\n")
    assert [line for line in page.splitlines() if line.startswith("## ")] == [
        "## Impact",
        "## Diagnosis",
        "## Remediation",
    ]


def test_every_runbook_has_its_alert() -> None:
    assert {page.stem for page in RUNBOOKS.glob("Vigil*.md")} == {rule["alert"] for rule in _rules()}
