"""Every shell and YAML block of README.md and docs/ is tested, or marked as illustrative with a reason."""

import json
import re

import pytest
from tests.integration.backend import test_backup, test_readme
from tests.integration.docs import test_cluster_blocks, test_host_blocks, test_settings_blocks
from tests.integration.docs.blocks import CLAIMED, PAGES, Block, BlockError, all_blocks, block_problem, blocks_of
from tests.integration.docs.yaml_checks import UnknownYamlError, yaml_problem
from tests.integration.notifications import test_workers

from vigil_contracts.detection import Detection

# Importing a module registers the blocks that its tests claim.
CLAIMING = (test_backup, test_readme, test_cluster_blocks, test_host_blocks, test_settings_blocks, test_workers)


def is_checked(each: Block) -> bool:
    """Return whether a test runs the block or validates its YAML."""
    if each.is_shell:
        return each.name in CLAIMED
    try:
        yaml_problem(each.text)
    except UnknownYamlError:
        return False
    return True


def test_there_are_blocks() -> None:
    assert len([each for each in all_blocks().values() if each.is_shell]) > 25
    assert len([each for each in all_blocks().values() if not each.is_shell]) >= 10


@pytest.mark.parametrize("name", all_blocks())
def test_block_is_checked_or_marked_with_a_reason(name: str) -> None:
    each = all_blocks()[name]
    assert block_problem(each, is_checked=is_checked(each)) is None


@pytest.mark.parametrize("name", [name for name, each in all_blocks().items() if not each.is_shell and not each.mark])
def test_yaml_is_accepted_by_its_consumer(name: str) -> None:
    assert yaml_problem(all_blocks()[name].text) is None


def test_json_detection_settings_are_valid() -> None:
    texts = [text for path in PAGES for text in re.findall(r"```json\n(.*?)```", path.read_text(), re.DOTALL)]
    found = [document["detection"] for text in texts if "detection" in (document := json.loads(text))]
    assert found
    for settings in found:
        Detection.model_validate(settings)


def test_claims_refer_to_existing_blocks() -> None:
    assert CLAIMED - all_blocks().keys() == set()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("```sh\nls\n```\n", "no test runs this block"),
        ("<!-- illustrative: -->\n```sh\nls\n```\n", "gives no reason"),
        ("<!-- illustrative -->\n```sh\nls\n```\n", "gives no reason"),
        ("<!-- illustrative: needs a GPU -->\n```sh\nls\n```\n", None),
        ('- text\n\n  ```sh title="x"\n  ls\n  ```\n', "no test runs this block"),
    ],
)
def test_unmarked_blocks_and_empty_reasons_are_found(text: str, problem: str | None) -> None:
    (found,) = blocks_of(text, "page.md")
    assert found.text == "ls\n"
    told = block_problem(found, is_checked=False)
    assert told == problem if problem is None else problem in (told or "")


def test_unneeded_mark_is_found() -> None:
    (found,) = blocks_of("<!-- illustrative: why -->\n```yaml\na: 1\n```\n", "page.md")
    assert "not needed" in (block_problem(found, is_checked=True) or "")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("<!-- illustrative: why -->\n\n```sh\nls\n```\n", "no block comes right after"),
        ("<!-- illustrative: why -->\n", "no block comes right after"),
        ("<!-- illustrative: why -->\n```json\n{}\n```\n", "not needed"),
        ("```sh\nls\n", "not closed"),
        ("Text:\n\n    ls\n", "fenced block"),
    ],
)
def test_malformed_marks_and_blocks_are_rejected(text: str, problem: str) -> None:
    with pytest.raises(BlockError, match=problem):
        list(blocks_of(text, "page.md"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "apiVersion: vigil.dev/v1alpha1\nkind: DetectorClass\nmetadata: {name: a}\nspec: {runtime: torch}\n",
            "runtime",
        ),
        (
            "apiVersion: vigil.dev/v1alpha1\nkind: DetectorClass\nmetadata: {name: a}\n"
            "spec: {runtime: openvino, gpu: {resourceName: a/b, fallback: {className: cpu}}}\n",
            "fallback",
        ),
        (
            "apiVersion: vigil.dev/v1alpha1\nkind: Camera\nmetadata: {name: a}\n"
            "spec: {stream: {url: 'rtsp://10.0.0.7/s'}, detection: {rules: [{name: r, type: intrusion, zone: b}]}}\n",
            "x-kubernetes-validations",
        ),
        ("apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{prot: 1}]}\n", "prot"),
        ("backend: {replica: 3}\n", "replica"),
        ("rules: [{name: r, type: no-such-type}]\n", "type"),
        ("names: {person: 0}\n", "`names` must be a list"),
        ("names: []\n", "no class names"),
        ("a: [\n", "no YAML"),
    ],
)
def test_invalid_yaml_is_rejected(text: str, problem: str) -> None:
    assert problem in (yaml_problem(text) or "")
