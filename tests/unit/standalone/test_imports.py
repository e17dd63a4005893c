"""`vigil run` supervises its children for months, so it must not keep in memory what only other commands need."""

import json
import subprocess
import sys

from vigil_transfer import command, import_command

_PROGRAM = """
import json
import sys
import vigil_standalone.__main__
from vigil_standalone import run, service, settings

print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def test_supervisor_loads_no_library_of_other_programs() -> None:
    ended = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(json.loads(ended.stdout))
    assert {"httpx", "vigil_contracts"} <= loaded
    assert not loaded & {"av", "cv2", "django", "numpy", "rich", "yaml", "vigil_transfer.import_command"}


def test_each_system_that_can_be_named_can_be_imported() -> None:
    assert set(command.SYSTEMS) == {*import_command.SYSTEMS, import_command.OWN, import_command.ZONEMINDER}
