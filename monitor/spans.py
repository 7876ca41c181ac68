"""Sets of seconds, as sorted lists of half-open [start, end) ranges that neither overlap nor touch.

Pure and exact. What the functions return is in this form; `intersect`, `subtract` and `length` expect it, `union` makes
it of anything. So equal sets are equal lists, and no second is ever counted twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TypeAlias

Span: TypeAlias = tuple[int, int]
"""[start, end) in seconds since the epoch."""


def union(spans: Iterable[Span]) -> list[Span]:
    """The seconds that are in any of the ranges, which may come in any order; one without length holds none."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if start >= end:
            continue
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined


def intersect(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    """The seconds that are in both sets."""
    common: list[Span] = []
    i = j = 0
    while i < len(one) and j < len(other):
        start, end = max(one[i][0], other[j][0]), min(one[i][1], other[j][1])
        if start < end:
            common.append((start, end))
        if one[i][1] < other[j][1]:
            i += 1
        else:
            j += 1
    return common


def subtract(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    """The seconds of the first set that are not in the second."""
    if not one:
        return []
    lowest, highest = one[0][0], one[-1][1]
    edges = [(lowest, lowest), *intersect(other, [(lowest, highest)]), (highest, highest)]
    gaps = [(before[1], after[0]) for before, after in pairwise(edges) if before[1] < after[0]]
    return intersect(one, gaps)


def length(spans: Iterable[Span]) -> int:
    """How many seconds the set holds."""
    return sum(end - start for start, end in spans)
