"""Why a sign-in by a provider failed, as the user and the log read it: no codes, tokens or secrets."""

import re
from dataclasses import dataclass
from enum import StrEnum

SKEW_SECONDS_MAX = 300
"""Difference between the clocks of the provider and of Vigil up to which its tokens are accepted."""
_ERROR_CODE = re.compile(r'"error"\s*:\s*"([a-z_]{1,64})"')


class Problem(StrEnum):
    """The causes that a user can act on differently."""

    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    CLOCK = "clock"
    WRONG_ISSUER = "wrong_issuer"
    SUBJECT_MISMATCH = "subject_mismatch"
    NOT_ALLOWED = "not_allowed"
    NO_ACCOUNT = "no_account"
    ADDRESS_TAKEN = "address_taken"


@dataclass
class SignInProblemError(Exception):
    """A sign-in by a provider failed."""

    problem: Problem
    minutes: int = 0
    """By how many minutes the clocks differ."""

    def __str__(self) -> str:
        return self.problem.value


def skew_problem(*, issued_at: float, now: float) -> SignInProblemError | None:
    """Return a problem if the token, which the provider has just issued, bears a time too far from ours."""
    difference = abs(issued_at - now)
    if difference <= SKEW_SECONDS_MAX:
        return None
    return SignInProblemError(Problem.CLOCK, minutes=round(difference / 60))


def error_code(text: str) -> str:
    """Return the OAuth error code (RFC 6749, section 5.2) in a text that may also contain tokens."""
    found = _ERROR_CODE.search(text)
    return found.group(1) if found else ""
