"""Normalise Kubernetes quantities as the API server does, so that they can be compared as text.

Format: k8s.io/apimachinery/pkg/api/resource, "Quantity": the largest suffix without a fraction.
"""

import re
from decimal import Decimal
from functools import lru_cache

BINARY = ("Ki", "Mi", "Gi", "Ti")
DECIMAL = ("m", "", "k", "M", "G", "T")
_PATTERN = re.compile(r"^([0-9]+(?:\.[0-9]+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?$")


@lru_cache(maxsize=1024)
def canonical_quantity(value: int | str) -> str:
    """Return `500m` for `0.5`, `1Gi` for `1024Mi`, `2` for `2`. Invalid quantities are returned unchanged."""
    match = _PATTERN.match(str(value))
    if match is None:
        return str(value)
    number, suffix = Decimal(match[1]), match[2] or ""
    if suffix in BINARY:
        whole = number * 1024 ** (BINARY.index(suffix) + 1)
        if whole == whole.to_integral_value():
            return _largest(int(whole), ("", *BINARY), 1024)
    milli = number * 1000 ** DECIMAL.index(suffix) if suffix in DECIMAL else number * 1000
    if milli != milli.to_integral_value():
        return str(value)
    return _largest(int(milli), DECIMAL, 1000)


def quantity_bytes(value: int | str) -> int:
    """Return a quantity as an integer. Raises `ValueError` if it is invalid."""
    return int(quantity_value(value))


@lru_cache(maxsize=1024)
def quantity_value(value: int | str) -> Decimal:
    """Return a quantity in its unit (cores, bytes). Raises `ValueError` if it is invalid."""
    match = _PATTERN.match(str(value))
    if match is None:
        raise ValueError("must be a quantity such as 500Mi or 1Gi")
    number, suffix = Decimal(match[1]), match[2] or ""
    factor = (
        Decimal(1024) ** (BINARY.index(suffix) + 1)
        if suffix in BINARY
        else Decimal(1000) ** (DECIMAL.index(suffix) - 1)
    )
    return number * factor


def _largest(amount: int, suffixes: tuple[str, ...], step: int) -> str:
    """Return `amount`, given in the smallest of `suffixes`, in the largest suffix without a fraction."""
    position = 0
    while amount and position + 1 < len(suffixes) and amount % step == 0:
        amount //= step
        position += 1
    return f"{amount}{suffixes[position]}" if amount else "0"
