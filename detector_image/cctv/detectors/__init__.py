"""Object detection behind one interface (`model`), one file per runtime."""

import importlib.util
import sys

if importlib.util.find_spec("ultralytics") is None:
    # `import openvino` also imports its model converter if that exists, which takes half of its time and 15 MB.
    # Only ultralytics' exports need it.
    sys.modules.setdefault("openvino.tools.ovc", None)  # type: ignore[arg-type]
