"""The operator with shorter times, so that tests need not wait for half a minute.

The environment sets them: `VIGIL_TEST_REFUSED_AFTER_SECONDS`, `VIGIL_TEST_GIVE_UP_SECONDS`, and
`VIGIL_TEST_COUNTED_EVERY_SECONDS` for the cameras of each class, also those that other operators watch.
"""

from __future__ import annotations

import os
import sys

from vigil_operator.__main__ import main
from vigil_operator.core import refusals
from vigil_operator.kube import class_reporter, registrar, unwatched

if limit := os.environ.get("VIGIL_TEST_REFUSED_AFTER_SECONDS"):
    refusals.REPORTED_AFTER_SECONDS = float(limit)
if limit := os.environ.get("VIGIL_TEST_GIVE_UP_SECONDS"):
    registrar.GIVE_UP_SECONDS = float(limit)
if interval := os.environ.get("VIGIL_TEST_COUNTED_EVERY_SECONDS"):
    class_reporter.PAUSE_SECONDS = unwatched.INTERVAL_SECONDS = float(interval)
sys.exit(main())
