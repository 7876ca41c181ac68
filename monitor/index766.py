"""Index 766: points of a province in serving citizens, by Decision 766/QĐ-TTg of 23/06/2022. Pure.

The national portal gives the points. What our own dossiers can say is an estimate beside them; what they cannot say has
no figure, and never the figure 0. Groups, components, weights and targets are dated data (index766.yaml).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from monitor.dossiers import Supplement

Said: TypeAlias = Literal["progress", "online", "synchronised", "used", "satisfaction"]
"""What dossiers are asked for: 2.1, 3.3, 1.4, 3.2; of 5.4 they know a part alone, so that the answer is why not."""

NOT_COMPUTABLE = "không tính được"


class FormulaError(ValueError):
    """A file of formulas is none; says where and why."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Component(_Part):
    """`max` points at most; all of them from ratio `target` on, in proportion below; without a target max times it."""

    id: str
    name: str
    max: Annotated[int, Field(ge=0, le=100)]
    target: Annotated[float, Field(gt=0, le=1)] | None = None
    own: Said | None = None

    def points(self, ratio: Fraction) -> Fraction:
        """The points of a ratio."""
        goal = Fraction(1) if self.target is None else Fraction(str(self.target))
        return self.max * min(Fraction(1), ratio / goal)


class PartOfIndex(_Part):
    """One of the groups."""

    id: str
    name: str
    components: Annotated[tuple[Component, ...], Field(min_length=1)]


class Formula(_Part):
    """A version, in force from a day on."""

    version: str
    valid_from: date
    groups: Annotated[tuple[PartOfIndex, ...], Field(min_length=1)]

    @property
    def components(self) -> tuple[Component, ...]:
        return tuple(component for group in self.groups for component in group.components)

    @property
    def max(self) -> int:
        return sum(component.max for component in self.components)


def formulas(text: str) -> list[Formula]:
    """The versions of a file, the earliest first. Raises FormulaError."""
    try:
        written = yaml.safe_load(text)
        listed = written["versions"] if isinstance(written, dict) else None
        made = [Formula.model_validate(version) for version in listed or ()]
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise FormulaError(f"not YAML{f', line {mark.line + 1}' if mark else ''}") from None
    except (KeyError, TypeError):
        raise FormulaError("a list `versions` was due") from None
    except ValidationError as error:
        first = error.errors()[0]
        raise FormulaError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    for formula in made:
        ids = [component.id for component in formula.components]
        if len(set(ids)) < len(ids):
            raise FormulaError(f"version {formula.version}: a component is there twice")
    if not made:
        raise FormulaError("it has no version")
    return sorted(made, key=lambda formula: formula.valid_from)


def in_force(known: Iterable[Formula], last_day: date) -> Formula | None:
    """The version by which a period is judged that ends with this day; None: it ends before the first."""
    return next((f for f in reversed(list(known)) if f.valid_from <= last_day), None)


# --- component 2.1: in time -------------------------------------------------------------------------------------------


class Progress(NamedTuple):
    """Dossiers of a period that were resolved in time or are pending in time, and those that are not.

    Of the `unknown` that cannot be said: they have no due date, and the longest time by law is not known to us.
    """

    in_time: int = 0
    overdue: int = 0
    unknown: int = 0

    def plus(self, in_time: bool | None) -> Progress:
        if in_time is None:
            return self._replace(unknown=self.unknown + 1)
        return self._replace(in_time=self.in_time + in_time, overdue=self.overdue + (not in_time))


def in_time(deadline: int | None, ended: int | None, supplements: Sequence[Supplement], end: int) -> bool | None:
    """Whether a dossier is in time at the end of a period (seconds); None where that cannot be said.

    The time in which the citizen had to bring something is taken off. Still waiting for that: after one request it
    ends there, after a second one it is overdue. Open without: it is judged at the period's end.
    """
    asked = sorted(s for s in supplements if s.requested < end)
    if ended is not None and ended < end:
        until = ended
    else:
        waits = bool(asked) and (asked[-1].answered is None or asked[-1].answered >= end)
        if waits and len(asked) > 1:
            return False
        until = asked[-1].requested if waits else end
    if deadline is None:
        return None
    away = sum(max(0, min(until, until if s.answered is None else s.answered) - s.requested) for s in asked)
    return until - away <= deadline


# --- the whole --------------------------------------------------------------------------------------------------------


class OfficialScore(NamedTuple):
    """Points of a component as the national portal gave them, with the parts of its ratio; unit "": the province."""

    unit: str
    component: str
    points: Fraction | None
    numerator: Fraction | None = None
    denominator: Fraction | None = None


class Own(NamedTuple):
    """What our own dossiers say of a component: the parts of its ratio, what they are multiplied by, a note."""

    numerator: int
    denominator: int
    factor: Fraction = Fraction(1)
    note: str = ""

    @property
    def ratio(self) -> Fraction | None:
        return Fraction(self.numerator, self.denominator) * self.factor if self.denominator else None


class Score(NamedTuple):
    """A component of a period: our estimate and the portal's points, either None where there are none."""

    group: PartOfIndex
    component: Component
    own: Own | None
    estimate: Fraction | None
    official: Fraction | None
    note: str

    @property
    def difference(self) -> Fraction | None:
        """Our estimate less the portal's points."""
        return None if self.estimate is None or self.official is None else self.estimate - self.official


def scores(formula: Formula, own: Mapping[str, Own | str], official: Mapping[str, OfficialScore]) -> list[Score]:
    """Every component; `own` by what the formula calls for, a text where it cannot be told, and why."""
    made = []
    for group in formula.groups:
        for component in group.components:
            said = own.get(component.own or "", "ngoài các trường được thu thập: nhập điểm của Cổng DVCQG")
            if isinstance(said, Own) and said.ratio is None:
                said = "không có hồ sơ trong kỳ"
            ours = said if isinstance(said, Own) else None
            ratio = ours.ratio if ours else None
            estimate = None if ratio is None else component.points(ratio)
            given = official[component.id].points if component.id in official else None
            note = ours.note if ours else str(said)
            made.append(Score(group, component, ours, estimate, given, note))
    return made


def total(points: Iterable[Fraction | None]) -> Fraction | None:
    """The sum, None where one is missing: a part is no total."""
    whole = Fraction(0)
    for one in points:
        if one is None:
            return None
        whole += one
    return whole


_CLASSES = ((90, "Xuất sắc"), (80, "Tốt"), (70, "Khá"), (50, "Trung bình"), (0, "Yếu"))


def class_of(points: Fraction) -> str:
    """The class of a sum of points out of 100."""
    return next((name for least, name in _CLASSES if points >= least), _CLASSES[-1][1])


def written(points: Fraction | None) -> str:
    """Two decimals, the rest cut off, for 19,998 are not all 20: "19,99"; what there is none of "không tính được"."""
    if points is None:
        return NOT_COMPUTABLE
    hundredths = int(abs(points) * 100)
    return f"{'-' if points < 0 and hundredths else ''}{hundredths // 100},{hundredths % 100:02d}"


def number(points: Fraction | None) -> Any:
    """The same for programs."""
    return None if points is None else float(round(points, 4))
