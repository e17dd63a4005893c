"""The operator with a clock that is ahead: by the number of seconds in the file that VIGIL_TEST_CLOCK names."""

from __future__ import annotations

import os
import sys
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from vigil_operator import app
from vigil_operator.__main__ import main
from vigil_operator.clock import utc_now
from vigil_operator.kube.model_rollouts import ModelRollouts
from vigil_operator.kube.observer import Observer

SHIFT = Path(os.environ["VIGIL_TEST_CLOCK"])


def shifted_now() -> datetime:
    """Return the time of the test."""
    return utc_now() + timedelta(seconds=float(SHIFT.read_text()))


vars(app)["Observer"] = partial(Observer, clock=shifted_now)
vars(app)["ModelRollouts"] = partial(ModelRollouts, clock=shifted_now)
sys.exit(main())
