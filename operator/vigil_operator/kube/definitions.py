"""Check that the installed CustomResourceDefinitions have the fields that this version uses."""

import asyncio
import logging

from vigil_operator.core.schema_check import OPENAPI_PATH, missing_fields
from vigil_operator.kube.client import KubeClient, KubeError
from vigil_operator.metrics import Metrics

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 600.0

UPGRADE = "upgrade the chart vigil-crds, or run kubectl apply -f manifests/crds/"


class DefinitionCheck:
    """For one event loop. Reports what is missing once, and again when that changes."""

    def __init__(self, *, kube: KubeClient, metrics: Metrics) -> None:
        self._kube = kube
        self._metrics = metrics
        self._reported: dict[str, list[str]] = {}

    async def run(self) -> None:
        """Check forever."""
        while True:
            await self.check_once()
            await asyncio.sleep(INTERVAL_SECONDS)

    async def check_once(self) -> None:
        """Compare once. A server that describes no schema is not checked."""
        try:
            missing = missing_fields(await self._kube.get_document(OPENAPI_PATH))
        except KubeError as error:
            logger.info("could not check the installed definitions: %s; checking again later", error)
            return
        for kind, fields in missing.items():
            self._metrics.definition_fields_missing.labels(kind).set(len(fields))
            if fields != self._reported.get(kind, []):
                self._report(kind, fields)
        self._reported = missing

    def _report(self, kind: str, fields: list[str]) -> None:
        if fields:
            names = ", ".join(fields)
            logger.error(
                "the installed definition of %s lacks %s: the API server drops these fields; %s", kind, names, UPGRADE
            )
        else:
            logger.info("the installed definition of %s is complete again", kind)
