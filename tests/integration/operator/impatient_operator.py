"""The operator with a short limit for refused writes, so that tests need not wait for half a minute."""

from __future__ import annotations

import os
import sys

from vigil_operator.__main__ import main
from vigil_operator.core import refusals

refusals.REPORTED_AFTER_SECONDS = float(os.environ["VIGIL_TEST_REFUSED_AFTER_SECONDS"])
sys.exit(main())
