"""A trial of a new model as the operator decides it, from what a real detector has reported to the API."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.integration.services.backend import BackendServer

from vigil_contracts.api_client import AsyncApiClient
from vigil_contracts.shadow import ShadowCounts, ShadowReport
from vigil_operator.core.model_rollout import Request, RolloutFacts, next_status
from vigil_operator.core.specs import parse_class_spec
from vigil_operator.sync.directory import Directory
from vigil_operator.sync.reports import fetch_reports

CLASS_UID, CAMERA_UID = "class", "camera"
DURATION = timedelta(seconds=60)


@dataclass(frozen=True)
class ModelTrial:
    """A trial of `model` on each camera of a class. `begun`: the status that the operator wrote at its begin."""

    spec: dict[str, Any]
    begun: dict[str, Any]
    model: str

    @classmethod
    def of(cls, model: str) -> "ModelTrial":
        """Begin a trial. Few events are compared, so one that only one model finds must not decide."""
        thresholds = {"minEvents": 3, "minAgreementPercent": 60, "maxMissedPercent": 40, "maxNewPercent": 40}
        thresholds |= {"maxLatencyRatio": 10, "maxCostRatio": 10}
        rollout = {"model": model, "cameraPercent": 100, "durationSeconds": 60, "thresholds": thresholds}
        spec = {"runtime": "openvino", "rollout": rollout}
        facts = RolloutFacts(camera_uids=(CAMERA_UID,))
        begun = next_status(CLASS_UID, parse_class_spec(spec), {}, Request(), facts, datetime.now(UTC))
        assert begun is not None
        return cls(spec, begun, model)

    @property
    def variables(self) -> dict[str, str]:
        """The variables with which the operator starts the detector."""
        return {"VIGIL_SHADOW_MODEL": self.model, "VIGIL_SHADOW_TRIAL": self.begun["trial"]}

    def reports(self, backend: BackendServer, operator_token: str) -> list[ShadowReport]:
        """Return what the operator reads from the API."""

        async def read() -> list[ShadowReport]:
            async with AsyncApiClient(backend.url, operator_token) as api:
                directory = Directory()
                directory.update_reports(await fetch_reports(api))
                return [report for _, report in directory.shadow_reports(self.begun["trial"])]

        return asyncio.run(read())

    def decided(self, reports: list[ShadowReport]) -> dict[str, Any]:
        """Return the status after the trial's duration."""
        failures = tuple(report.failure for report in reports if report.failure)
        counts = sum((report.counts for report in reports), ShadowCounts())
        facts = RolloutFacts((CAMERA_UID,), shadows=1, comparing=len(reports), failures=failures, counts=counts)
        end = datetime.fromisoformat(self.begun["startTime"]) + DURATION
        status = next_status(CLASS_UID, parse_class_spec(self.spec), self.begun, Request(), facts, end)
        assert status is not None
        return status
