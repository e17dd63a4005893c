"""Write the bill of materials of an image, CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/).

Python packages come from the environment's metadata; Debian packages, if their files were copied, from dpkg.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

Component = dict[str, Any]


def document(environment: Path, system_files: Sequence[Path]) -> str:
    """Return the document as JSON. It is reproducible (SOURCE_DATE_EPOCH)."""
    components = sorted(
        [*_python_packages(environment), *_debian_packages(system_files)], key=lambda each: each["bom-ref"]
    )
    names = "\n".join(each["bom-ref"] for each in components)
    made = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), UTC)
    return json.dumps(
        {
            "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, names)}",
            "version": 1,
            "metadata": {"timestamp": made.isoformat().replace("+00:00", "Z")},
            "components": components,
        },
        indent=1,
    )


def _python_packages(environment: Path) -> Iterable[Component]:
    folders = [str(path) for path in environment.glob("lib/python3*/site-packages")]
    for package in importlib.metadata.distributions(path=folders):
        name, version = package.metadata["Name"], package.version
        if name.lower() in {"pip", "setuptools"}:
            continue  # they are pruned
        purl = f"pkg:pypi/{quote(name.lower().replace('_', '-'))}@{quote(version)}"
        component: Component = {
            "type": "library",
            "bom-ref": purl,
            "name": name,
            "version": version,
            "purl": purl,
        }
        if "License-Expression" in package.metadata:
            component["licenses"] = [{"expression": package.metadata["License-Expression"]}]
        yield component


def _debian_packages(files: Sequence[Path]) -> Iterable[Component]:
    owners: set[str] = set()
    for file in files:
        # A file of /usr/lib may be registered under /lib, from before Debian merged them.
        for path in (str(file), str(file).removeprefix("/usr")):
            answer = subprocess.run(["dpkg", "-S", path], check=False, capture_output=True, text=True)
            if answer.returncode == 0:
                owners.add(answer.stdout.split(": ")[0].split(",")[0])
                break
    if not owners:
        return
    form = "${Package} ${Version} ${Architecture}\n"
    lines = subprocess.run(
        ["dpkg-query", "--show", f"--showformat={form}", *sorted(owners)], check=True, capture_output=True, text=True
    ).stdout
    for name, version, architecture in map(str.split, lines.splitlines()):
        purl = f"pkg:deb/debian/{name}@{quote(version, safe='')}?arch={architecture}"
        yield {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
