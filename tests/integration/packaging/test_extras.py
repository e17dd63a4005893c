"""Each program imports with only its own extra, without the others' libraries."""

import os
import subprocess
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

ROOT = Path(__file__).parents[3]

IMPORT_ALL = """
import importlib, importlib.metadata, importlib.util, os, pkgutil, sys
packages, forbidden = sys.argv[1].split(","), sys.argv[2].split(",")
if "surveillance" in packages:
    os.environ["DJANGO_SETTINGS_MODULE"] = "surveillance_backend.settings"
    import django
    django.setup()
count = 0
for name in packages:
    package = importlib.import_module(name)
    for module in pkgutil.walk_packages(package.__path__, name + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
            count += 1
installed = {name for name in forbidden if importlib.util.find_spec(name)}
assert not installed, f"installed: {installed}"
loaded = {name for name in forbidden if name in sys.modules}
assert not loaded, f"loaded: {loaded}"
print(count, "modules")
"""

SETTINGS = {
    "VIGIL_SECRET_KEY": "only-for-importing-only-for-importing-only-for-importing",
    "VIGIL_CREDENTIAL_KEYS": Fernet.generate_key().decode(),
    "VIGIL_INSECURE_HTTP": "1",
}
"""Settings without which the backend's ASGI module refuses to load."""

CASES = {
    "operator": ("vigil_contracts,vigil_operator", "django,torch,cv2,av"),
    "backend": (
        "vigil_contracts,surveillance_backend,surveillance,vigil_apps",
        "kopf,kubernetes,torch,cv2,av",
    ),
    "detector": ("vigil_contracts,cctv", "django,kopf,kubernetes,torch"),
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("extra", CASES)
def test_program_imports_with_only_its_own_extra(extra: str, tmp_path: Path) -> None:
    packages, forbidden = CASES[extra]
    environment = ROOT / ".venvs" / extra
    subprocess.run(["bash", "tools/setup.sh", str(environment), f"locks/{extra}.txt"], cwd=ROOT, check=True)
    finished = subprocess.run(
        [environment / "bin/python", "-W", "ignore", "-c", IMPORT_ALL, packages, forbidden],
        cwd=tmp_path,
        env={**os.environ, **SETTINGS, "VIGIL_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert int(finished.stdout.split()[0]) >= 1
