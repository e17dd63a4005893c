"""Sum up the comparison of a camera's model with a new one over restarts of its detector, which counts from zero."""

from pydantic import BaseModel, ConfigDict, ValidationError

from vigil_contracts.shadow import ShadowCounts, ShadowReport


class StoredShadow(BaseModel):
    """The last report, and the counts of earlier runs of the same trial."""

    model_config = ConfigDict(allow_inf_nan=False, extra="ignore", frozen=True)

    report: ShadowReport
    earlier: ShadowCounts = ShadowCounts()


def stored_shadow(before: object, report: ShadowReport) -> dict[str, object]:
    """Return what to store after a report. `before`: what is stored now; counts of another trial are dropped."""
    stored = _parse(before)
    earlier = ShadowCounts()
    if stored is not None and stored.report.trial == report.trial and stored.report.model == report.model:
        earlier = stored.earlier
        if stored.report.run != report.run:
            earlier += stored.report.counts
    return StoredShadow(report=report, earlier=earlier).model_dump(mode="json")


def total_shadow(stored: object) -> ShadowReport | None:
    """Return the last report with the counts of all runs; None without a trial."""
    found = _parse(stored)
    if found is None:
        return None
    return found.report.model_copy(update={"run": "", "counts": found.earlier + found.report.counts})


def _parse(stored: object) -> StoredShadow | None:
    if stored is None:
        return None
    try:
        return StoredShadow.model_validate(stored)
    except ValidationError:  # of another version: one row must not break a list
        return None
