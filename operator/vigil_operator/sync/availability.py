"""Whether Vigil's API answers, and when a lasting outage is reported on the cameras."""

import logging
import time
from collections.abc import Callable

from vigil_contracts.api_client import ApiError
from vigil_operator.sync.directory import Directory
from vigil_operator.sync.trigger import ReconcileTrigger

logger = logging.getLogger(__name__)

REPORTED_AFTER_SECONDS = 20.0
"""A restart of the API takes less: it must not cause a status write for each of a thousand cameras."""

UNREADABLE_ANSWER = "The API's answer is not what this version understands."


class ApiAvailability:
    """Keeps `Directory.is_away` and `Directory.problem` up to date. For one event loop."""

    def __init__(
        self, *, directory: Directory, trigger: ReconcileTrigger, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._directory = directory
        self._trigger = trigger
        self._monotonic = monotonic
        self._away_since = 0.0

    def record_failure(self, error: ApiError | ValueError) -> None:
        """Note that the API did not answer, or that its answer cannot be read (`ValueError`)."""
        # An ApiError names method, path and status; a ValueError may quote the answer, which holds passwords.
        problem = str(error) if isinstance(error, ApiError) else UNREADABLE_ANSWER
        if not self._directory.is_away:
            self._directory.is_away = True
            self._away_since = self._monotonic()
            logger.warning("could not list the active cameras: %s; detectors keep running, retrying", problem)
        if self._monotonic() - self._away_since >= REPORTED_AFTER_SECONDS and not self._directory.problem:
            self._set_problem(problem)

    def record_success(self) -> None:
        """Note that the API has answered."""
        if self._directory.is_away:
            logger.info("the API responds again")
        self._directory.is_away = False
        if self._directory.problem:
            self._set_problem("")

    def _set_problem(self, problem: str) -> None:
        self._directory.problem = problem
        self._trigger.add_all()
