"""The bodies of requests about cases."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from surveillance.api.holds import HeldOrder

_Title = Annotated[str, Field(min_length=1, max_length=200)]
_Reference = Annotated[str, Field(max_length=100)]
_Notes = Annotated[str, Field(max_length=10_000)]


class _Order(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class CaseOrder(_Order):
    """A new case."""

    title: _Title
    reference: _Reference = Field(default="", description="Such as the number of the police report.")
    notes: _Notes = ""


class CaseChange(_Order):
    """Changes of a case."""

    title: _Title | None = None
    reference: _Reference | None = None
    notes: _Notes | None = None

    @model_validator(mode="after")
    def _no_null(self) -> Self:
        if any(getattr(self, name) is None for name in self.model_fields_set):
            raise ValueError("title, reference and notes must be text")
        return self


class CaseItemOrder(HeldOrder):
    """A new item of a case: an alert, or a period of a camera of at most 24 hours."""


class CaseMemberOrder(_Order):
    """A new member of a case."""

    username: str = Field(min_length=1, max_length=150)


class CaseCloseOrder(_Order):
    """Why a case is closed."""

    reason: str = Field(min_length=1, max_length=400)
