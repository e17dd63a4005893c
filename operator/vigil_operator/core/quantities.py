"""Kubernetes quantities in the form in which the API server stores them, so that comparing needs no rules.

Format: k8s.io/apimachinery/pkg/api/resource, "Quantity": the suffix as large as possible with no fraction.
"""

import re
from decimal import Decimal

BINARY = ("Ki", "Mi", "Gi", "Ti")
DECIMAL = ("m", "", "k", "M", "G", "T")
_PATTERN = re.compile(r"^([0-9]+(?:\.[0-9]+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?$")


def canonical_quantity(value: int | str) -> str:
    """`0.5` → `500m`, `1024Mi` → `1Gi`, `2` → `2`. A text that is no quantity is given back as it is."""
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
    """A quantity as a whole number. Raises `ValueError` where it is none."""
    match = _PATTERN.match(str(value))
    if match is None:
        raise ValueError("must be a quantity such as 500Mi or 1Gi")
    number, suffix = Decimal(match[1]), match[2] or ""
    factor = (
        Decimal(1024) ** (BINARY.index(suffix) + 1)
        if suffix in BINARY
        else Decimal(1000) ** (DECIMAL.index(suffix) - 1)
    )
    return int(number * factor)


def _largest(amount: int, suffixes: tuple[str, ...], step: int) -> str:
    """`amount` of the smallest of `suffixes`, in the largest of them that leaves no fraction."""
    position = 0
    while amount and position + 1 < len(suffixes) and amount % step == 0:
        amount //= step
        position += 1
    return f"{amount}{suffixes[position]}" if amount else "0"
