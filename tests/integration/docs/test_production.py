"""The commands of the production page create valid keys under the names that the chart uses."""

import re
import subprocess
from pathlib import Path

import yaml
from cryptography.fernet import Fernet

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "production.md").read_text()


def test_generated_keys_are_valid(tmp_path: Path) -> None:
    block = re.search(r"```sh\n(umask.*?)```", PAGE, re.DOTALL)
    assert block is not None
    lines = [line for line in block[1].splitlines() if not line.startswith("kubectl")]
    subprocess.run(["bash", "-euc", "\n".join(lines)], cwd=tmp_path, check=True, capture_output=True, timeout=30)

    keys = {path.name: path.read_text() for path in (tmp_path / "keys").iterdir()}
    assert keys.keys() == {"secret-key", "credential-keys", "operator-token", "admin-password"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "keys").iterdir()), "nobody else reads them"
    Fernet(keys["credential-keys"])
    assert len(keys["secret-key"]) >= 50
    assert len(keys["operator-token"]) >= 40
    assert len(keys["admin-password"]) >= 16


def test_guide_creates_every_secret_of_the_production_values() -> None:
    values = yaml.safe_load((ROOT / "charts/vigil/ci/production-values.yaml").read_text())
    named = {
        values["backend"]["existingSecret"],
        values["operator"]["existingSecret"],
        values["database"]["existingSecret"],
        values["redis"]["existingSecret"],
        values["pgbouncer"]["existingSecret"],
        values["prober"]["existingSecret"],
        values["media"]["s3"]["existingSecret"],
    }
    assert set(re.findall(r"create secret generic (\S+)", PAGE)) == named
