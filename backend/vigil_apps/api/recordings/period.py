"""The parameters `from` and `to`, which several endpoints share."""

from datetime import timedelta

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from pydantic import BaseModel, ConfigDict, Field
from rest_framework.request import Request

from surveillance.api.errors import translate_errors
from surveillance.core.validation import InvalidInputError, parse
from vigil_contracts.bounds import Instant

PERIOD = [
    OpenApiParameter(
        "from", OpenApiTypes.DATETIME, required=True, description="Begin, such as 2026-05-17T12:00:00Z."
    ),
    OpenApiParameter("to", OpenApiTypes.DATETIME, required=True, description="End; later than `from`."),
]

MOMENT = [
    OpenApiParameter("at", OpenApiTypes.DATETIME, required=True, description="Time, such as 2026-05-17T12:00:00Z."),
]


class Period(BaseModel):
    """A period of time."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    begin: Instant = Field(alias="from")
    end: Instant = Field(alias="to")

    @property
    def milliseconds(self) -> dict[str, int]:
        """Return the limits as the selectors take them."""
        return {"first_ms": round(self.begin.timestamp() * 1000), "last_ms": round(self.end.timestamp() * 1000)}


class _Moment(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    at: Instant


def moment_of(request: Request) -> int:
    """Return the time of the query, in milliseconds since 1970. Raises ValidationError, which names the parameter."""
    with translate_errors():
        return round(parse(_Moment, dict(request.query_params.items())).at.timestamp() * 1000)


def period_of(request: Request, longest: timedelta) -> Period:
    """Return the period of the query. Raises ValidationError, which names the parameter."""
    with translate_errors():
        period = parse(Period, dict(request.query_params.items()))
        if period.end <= period.begin:
            raise InvalidInputError({"to": ["must be later than from"]})
        if period.end - period.begin > longest:
            raise InvalidInputError({"to": [f"must be at most {longest / timedelta(hours=1):.0f} hours after from"]})
    return period
