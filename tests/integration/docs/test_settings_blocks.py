"""The backend starts with the settings that pages show as shell variables."""

import json
import re
import sys
from pathlib import Path

import pytest
from tests.integration.docs.blocks import CLAIMED, block

from surveillance_backend.environment import Environment

BLOCKS = {
    "backend.md/nginx/1": {"VIGIL_ALLOWED_HOSTS": "vigil.example,127.0.0.1"},
    "s3.md/2. The settings/1": {"VIGIL_S3_BUCKET": "vigil", "VIGIL_S3_ADDRESSING_STYLE": "path"},
    "single-sign-on.md/2. The settings/2": {"VIGIL_IDENTITY_PROVIDERS_FILE": "/etc/vigil/providers.yaml"},
    "single-sign-on.md/Switch passwords off/1": {"VIGIL_LOCAL_ACCOUNTS": "0"},
    "single-sign-on.md/A reverse proxy instead/1": {"VIGIL_REMOTE_USER_HEADER": "X-Forwarded-User"},
}
CLAIMED.update(BLOCKS)


@pytest.mark.parametrize("name", BLOCKS)
def test_backend_accepts_the_settings(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    each = block(name)
    printed = each.run(
        cwd=tmp_path,
        before="set -o allexport",
        after=f"{sys.executable} -c 'import json, os; print(json.dumps(dict(os.environ)))'",
    )
    found = {key: value for key, value in json.loads(printed).items() if re.match(r"VIGIL_|FORWARDED_", key)}
    assert found.items() >= BLOCKS[name].items()
    for key, value in found.items():
        monkeypatch.setenv(key, value)
    Environment()
    fields = {f"VIGIL_{field.upper()}" for field in Environment.model_fields} | {"FORWARDED_ALLOW_IPS"}
    assert found.keys() <= fields, "each is a setting of the backend"
