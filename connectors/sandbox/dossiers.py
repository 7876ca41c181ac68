"""The simulated province's dossiers: one year of them, in iGate's shape, reproducible from (year, seed).

The year adds up to the figures that the province reported for a whole year (REPORTED). A dossier goes through at most
three instants: applied (submitted), accepted at the desk (the same instant in person; within 8 working hours online),
completed. Its due date is 17:00 of the n-th working day after acceptance, n by procedure. Completed before the due
day is early, on the due day on time, after it overdue. What is still open at the end of the year is completed on time
in the next one. Of the longer ones some wait in between for a supplement that the citizen was asked for.

Only the instants are stored, in arrays; the JSON of a dossier, personal fields and all, is made when it is asked for.
Every person in it is invented, and meant as bait: no word of PERSONAL_MARKERS may ever come out of the monitor.

All instants are epoch seconds, all periods half-open, all days those of UTC+7. Randomness is drawn from
random.Random(text).random() alone, the one stream that Python promises to keep, and no libm is used: the same year
and seed give the same dossiers on every machine.
"""

from __future__ import annotations

import heapq
import random
import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from itertools import accumulate
from operator import itemgetter, sub
from typing import Any

ZONE = timezone(timedelta(hours=7))

PERSONAL_MARKERS = (
    "NGƯỜI MÔ PHỎNG",
    "CHỦ HỒ SƠ MÔ PHỎNG",
    "CÁN BỘ MÔ PHỎNG",
    "TỔ CHỨC MÔ PHỎNG",
    "ĐƯỜNG MÔ PHỎNG",
    "nguoi.mo.phong@example.invalid",
    "giay-to-mo-phong",
    "000000000000",
    "0000000000",
    "1900-01-01",
)
"""Texts found in the personal fields of every simulated dossier and person, and nowhere else in what upstreams say."""


@dataclass(frozen=True)
class Totals:
    """The columns of form II.06a for one period; an identity of the form holds by construction."""

    carried_over: int
    new_online: int
    new_direct: int
    resolved_early: int
    resolved_on_time: int
    resolved_overdue: int
    pending_in_time: int
    pending_overdue: int

    @property
    def received(self) -> int:
        return self.carried_over + self.new_online + self.new_direct

    @property
    def resolved(self) -> int:
        return self.resolved_early + self.resolved_on_time + self.resolved_overdue

    @property
    def pending(self) -> int:
        return self.pending_in_time + self.pending_overdue


REPORTED = Totals(1_248, 53_325, 30_286, 20_376, 63_358, 7, 1_118, 0)

EARLY, ON_TIME, OVERDUE = range(3)
SUBMITTED, WAITING, PROCESSING, RETURNED = 0, 1, 2, 4
STATUS_NAMES = {
    SUBMITTED: "Mới đăng ký",
    WAITING: "Yêu cầu bổ sung giấy tờ",
    PROCESSING: "Đang xử lý",
    RETURNED: "Đã trả kết quả",
}
TASK_NAMES = STATUS_NAMES | {PROCESSING: "Thụ lý hồ sơ", RETURNED: "Kết thúc"}
ASKED_FOR_MORE = 20  # of so many dossiers one, if it takes two days or longer


# --- who does what ----------------------------------------------------------------------------------------------------


def object_id(number: int) -> str:
    """A 24-digit hexadecimal id, as iGate's are, different for each number below 2**96."""
    # Odd, so one to one; it scatters the digits, so that no run of zeros resembles a personal marker.
    return f"{number * 0x9E3779B97F4A7C15F39CC061 % 2**96:024x}"


@dataclass(frozen=True)
class Agency:
    id: str
    code: str
    name: str


@dataclass(frozen=True)
class Procedure:
    id: str
    code: str
    name: str
    sector: str
    agency: int  # index in AGENCIES
    days: int  # working days from acceptance to the due date; 0: the same day, if accepted before 15:00
    weight: int  # share of all dossiers, in units of the sum


ROOT_AGENCY = Agency(object_id(1), "000.00.00.H00", "UBND tỉnh (mô phỏng)")

AGENCIES = tuple(
    Agency(object_id(100 + number), f"000.00.{number:02d}.H00", f"{name} (mô phỏng)")
    for number, name in enumerate(
        (
            "Sở Tư pháp",
            "Sở Xây dựng",
            "Sở Tài chính",
            "Sở Nông nghiệp và Môi trường",
            "Sở Y tế",
            "Sở Công Thương",
            "Sở Nội vụ",
            "Sở Giáo dục và Đào tạo",
            "Sở Khoa học và Công nghệ",
            "Sở Văn hóa, Thể thao và Du lịch",
            "Ban Quản lý Khu kinh tế",
        ),
        start=1,
    )
)

PROCEDURES = tuple(
    Procedure(object_id(200 + number), f"0.{number:06d}.H00", f"{name} (mô phỏng)", sector, agency, days, weight)
    for number, (name, sector, agency, days, weight) in enumerate(
        (
            ("Cấp Phiếu lý lịch tư pháp", "Lý lịch tư pháp", 0, 10, 26),
            ("Chứng thực bản sao từ bản chính", "Chứng thực", 0, 0, 20),
            ("Đăng ký hành nghề luật sư", "Luật sư", 0, 7, 2),
            ("Đổi giấy phép lái xe", "Đường bộ", 1, 5, 34),
            ("Cấp phù hiệu xe kinh doanh vận tải", "Đường bộ", 1, 2, 24),
            ("Cấp giấy phép xây dựng", "Hoạt động xây dựng", 1, 20, 2),
            ("Đăng ký thành lập doanh nghiệp", "Doanh nghiệp", 2, 3, 12),
            ("Đăng ký thay đổi nội dung đăng ký doanh nghiệp", "Doanh nghiệp", 2, 3, 16),
            ("Đăng ký biến động quyền sử dụng đất", "Đất đai", 3, 10, 10),
            ("Xóa đăng ký biện pháp bảo đảm", "Đất đai", 3, 1, 12),
            ("Cấp giấy phép môi trường", "Môi trường", 3, 30, 1),
            ("Cấp chứng chỉ hành nghề dược", "Dược phẩm", 4, 15, 3),
            ("Công bố đủ điều kiện mua bán thiết bị y tế", "Thiết bị y tế", 4, 3, 3),
            ("Thông báo hoạt động khuyến mại", "Xúc tiến thương mại", 5, 0, 18),
            ("Cấp giấy phép bán buôn rượu", "Lưu thông hàng hóa", 5, 10, 1),
            ("Giải quyết chế độ người có công", "Người có công", 6, 12, 3),
            ("Đăng ký nội quy lao động", "Lao động", 6, 5, 3),
            ("Công nhận văn bằng nước ngoài", "Văn bằng, chứng chỉ", 7, 15, 1),
            ("Chỉnh sửa nội dung văn bằng", "Văn bằng, chứng chỉ", 7, 3, 3),
            ("Đăng ký hoạt động khoa học và công nghệ", "Khoa học", 8, 7, 1),
            ("Cấp thẻ hướng dẫn viên du lịch", "Du lịch", 9, 10, 2),
            ("Thông báo tổ chức biểu diễn nghệ thuật", "Nghệ thuật biểu diễn", 9, 3, 2),
            ("Cấp giấy phép lao động cho người nước ngoài", "Việc làm", 10, 5, 1),
        ),
        start=1,
    )
)


# --- calendar ---------------------------------------------------------------------------------------------------------

_TET = {
    2022: (2, 1), 2023: (1, 22), 2024: (2, 10), 2025: (1, 29), 2026: (2, 17), 2027: (2, 6), 2028: (1, 26),
    2029: (2, 13), 2030: (2, 2),
}  # fmt: skip
_HUNG_KINGS = {
    2022: (4, 10), 2023: (4, 29), 2024: (4, 18), 2025: (4, 7), 2026: (4, 26), 2027: (4, 16), 2028: (4, 4),
    2029: (4, 23), 2030: (4, 12),
}  # fmt: skip
_SWAPPED_OFF = {date(2026, 1, 2), date(2026, 8, 31)}
_SWAPPED_WORK = {date(2026, 1, 10), date(2026, 8, 22)}


def tet(year: int) -> date:
    """The first day of the lunar year; outside the years known, a day as good as another for a simulation."""
    return date(year, *_TET.get(year, (2, 5)))


def days_off(year: int) -> set[date]:
    """Holidays, days in lieu and swapped days off, as the labour code and the yearly announcements have them."""
    national = date(year, 9, 2)
    beside = national + timedelta(days=1 if national.weekday() == 0 else -1)
    named = [
        date(year, 1, 1),
        *(tet(year) + timedelta(days=day) for day in range(-1, 4)),
        date(year, *_HUNG_KINGS.get(year, (4, 15))),
        date(year, 4, 30),
        date(year, 5, 1),
        *sorted((beside, national)),
        *([date(year, 11, 24)] if year >= 2026 else []),
    ]
    off = set(named)
    for holiday in named:
        if holiday.weekday() >= 5:
            lieu = holiday
            while lieu.weekday() >= 5 or lieu in off:
                lieu += timedelta(days=1)
            off.add(lieu)
    return off | _SWAPPED_OFF


def is_working_day(day: date, off: set[date]) -> bool:
    return day in _SWAPPED_WORK or (day.weekday() < 5 and day not in off)


MORNING, NOON, AFTERNOON, EVENING = 7 * 3600, 11 * 3600, 13 * 3600, 17 * 3600
HALF_DAY = 4 * 3600
WORKDAY = 2 * HALF_DAY
LATEST_SAME_DAY = 6 * 3600  # 15:00 in seconds of work


def midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=ZONE).timestamp())


def day_number(instant: float) -> int:
    """Days of the zone since the epoch."""
    return int(instant + 7 * 3600) // 86_400


class WorkClock:
    """Time in seconds of work: day k is the k-th working day, of 28,800 seconds (7-11 and 13-17 o'clock)."""

    def __init__(self, year: int) -> None:
        off = days_off(year - 1) | days_off(year) | days_off(year + 1)
        every = (date(year - 1, 10, 1) + timedelta(days=number) for number in range(92 + 366 + 120))
        self.days = [day for day in every if is_working_day(day, off)]
        self.first = bisect_left(self.days, date(year, 1, 1))
        """Index of the year's first working day."""
        self.end = bisect_left(self.days, date(year + 1, 1, 1))
        """Index of the next year's first working day."""
        self._halves = [midnight(day) + opening for day in self.days for opening in (MORNING, AFTERNOON)]

    def instants(self, work: Iterable[int]) -> list[int]:
        """The epoch seconds of instants given in seconds of work."""
        halves = self._halves
        return [halves[second // HALF_DAY] + second % HALF_DAY for second in work]


def work_second(second: int) -> int:
    """Seconds of work done since the morning at this second of a working day."""
    if second < NOON:
        return max(0, second - MORNING)
    return min(WORKDAY, HALF_DAY + max(0, second - AFTERNOON))


# --- how many come when -----------------------------------------------------------------------------------------------


def _slots(shares: Mapping[int, int]) -> tuple[int, ...]:
    """Each key as often as its share says: a table from which a uniform draw picks by weight."""
    return tuple(key for key, share in shares.items() for _ in range(share))


# Hour of the day -> share.
AT_THE_DESK = _slots({7: 26, 8: 40, 9: 34, 10: 20, 13: 26, 14: 26, 15: 20, 16: 8})
ONLINE_ON_WORKDAYS = _slots(
    {
        6: 2, 7: 16, 8: 26, 9: 28, 10: 18, 11: 7, 12: 5, 13: 18, 14: 24, 15: 20, 16: 12,
        17: 5, 18: 3, 19: 5, 20: 6, 21: 4, 22: 1,
    }
)  # fmt: skip
ONLINE_ON_DAYS_OFF = _slots(
    {7: 4, 8: 12, 9: 16, 10: 14, 11: 6, 13: 6, 14: 12, 15: 12, 16: 8, 19: 10, 20: 12, 21: 8, 22: 2}
)
BY_PROCEDURE = _slots({number: procedure.weight for number, procedure in enumerate(PROCEDURES)})
# What is still open at an instant has a longer time to go than the average.
BY_PROCEDURE_OPEN = _slots({number: procedure.weight * procedure.days for number, procedure in enumerate(PROCEDURES)})

TAKEN_PER_HOUR = 3480  # seconds: nobody is taken in the last two minutes of an hour, so the desk closes on time


def season(day: date) -> float:
    """How busy a working day is beside an ordinary one: month starts and Mondays are, the weeks around Tết are not."""
    to_tet = (day - tet(day.year)).days
    factor = 1.25 if day.day <= 5 else 0.95 if day.day >= 25 else 1.0
    factor *= {0: 1.15, 4: 0.9}.get(day.weekday(), 1.0)
    return factor * (0.5 if -8 <= to_tet < 0 else 0.6 if 0 <= to_tet <= 12 else 1.0)


def apportion(total: int, weights: Iterable[float]) -> Iterator[int]:
    """Whole numbers in proportion to the weights that sum to `total` exactly."""
    # Not sum(): later Pythons add floats up more exactly, and a seed must mean the same in all of them.
    reached = list(accumulate(weights))
    given = 0
    for weight in reached:
        due = round(total * weight / reached[-1])
        yield due - given
        given = due


def choose(count: int, among: list[int], draw: Callable[[], float]) -> list[int]:
    """`count` of the list, every choice as likely as any other, in the list's order."""
    chosen: list[int] = []
    left, missing = len(among), count
    for item in among:
        if draw() * left < missing:
            chosen.append(item)
            missing -= 1
        left -= 1
    if missing:
        raise ValueError(f"{count} dossiers wanted and only {len(among)} there: try another seed")
    return chosen


def seconds_of_day(count: int, hours: tuple[int, ...], draw: Callable[[], float]) -> list[int]:
    slots = [draw() * len(hours) for _ in range(count)]
    return [hours[int(slot)] * 3600 + int(slot % 1.0 * TAKEN_PER_HOUR) for slot in slots]


class Flow:
    """The dossiers of one year, numbered in order of submission. Takes some 0.4 s to make."""

    def __init__(self, year: int, seed: int) -> None:
        self.year = year
        self.start, self.end = midnight(date(year, 1, 1)), midnight(date(year + 1, 1, 1))
        self.applied, self.accepted, self.due, self.completed = (array("I") for _ in range(4))
        self.online, self.procedure, self.outcome = (array("B") for _ in range(3))
        self._generate(WorkClock(year), random.Random(f"motcua sandbox {year} {seed}").random)  # noqa: S311 - no secret
        self._index()

    def __len__(self) -> int:
        return len(self.applied)

    # --- making them ---

    def _generate(self, clock: WorkClock, draw: Callable[[], float]) -> None:
        work: list[int] = []  # acceptance, in seconds of work
        due_day: list[int] = []  # due date, as a working day
        self._carry_over(clock, draw, work, due_day)
        self._arrivals(clock, draw, work, due_day)
        self.accepted.extend(clock.instants(work))
        self.due.extend(due + 1 for due in clock.instants(day * WORKDAY + WORKDAY - 1 for day in due_day))
        self._complete(clock, draw, work, due_day)

    def _carry_over(self, clock: WorkClock, draw: Callable[[], float], work: list[int], due_day: list[int]) -> None:
        """Dossiers accepted on the last working days before the year and due in it."""
        made = []
        for _ in range(REPORTED.carried_over):
            procedure = BY_PROCEDURE_OPEN[int(draw() * len(BY_PROCEDURE_OPEN))]
            days = PROCEDURES[procedure].days
            accepted_day = clock.first - 1 - int(draw() * days)
            submitted = accepted_day * WORKDAY + int(draw() * 0.7 * WORKDAY)
            online = int(draw() < 0.64)
            waited = online * (300 + int(draw() * 7200))
            made.append((submitted, submitted + waited, procedure, accepted_day + days, online))
        made.sort()
        self.applied.extend(clock.instants(submitted for submitted, *_ in made))
        for _, accepted, procedure, day, online in made:
            self.procedure.append(procedure)
            self.online.append(online)
            work.append(accepted)
            due_day.append(day)

    def _arrivals(self, clock: WorkClock, draw: Callable[[], float], work: list[int], due_day: list[int]) -> None:
        """The year's new dossiers, day by day."""
        days = [date(self.year, 1, 1) + timedelta(days=number) for number in range((self.end - self.start) // 86_400)]
        working = set(clock.days)
        last_day = clock.days[clock.end - 1]
        busy = {day: season(day) * (0.9 + 0.2 * draw()) for day in days}
        at_desk = [busy[day] if day in working else 0.0 for day in days]
        # A dossier submitted after the year's last working hour would be accepted, and counted, in the next year.
        online = [0.0 if day > last_day else busy[day] * (1.0 if day in working else 0.22) for day in days]
        desk_counts = apportion(REPORTED.new_direct, at_desk)
        online_counts = apportion(REPORTED.new_online, online)
        latest = clock.end * WORKDAY - 120
        next_day = clock.first
        terms = [procedure.days for procedure in PROCEDURES]
        for day, desk_count, online_count in zip(days, desk_counts, online_counts, strict=True):
            is_working = day in working
            hours = ONLINE_ON_WORKDAYS if is_working else ONLINE_ON_DAYS_OFF
            arrivals = [(second, 0) for second in seconds_of_day(desk_count, AT_THE_DESK, draw)]
            arrivals += [(second, 1) for second in seconds_of_day(online_count, hours, draw)]
            if day == last_day:
                arrivals = [
                    (second if second < 16 * 3600 else MORNING + second % HALF_DAY, it) for second, it in arrivals
                ]
            arrivals.sort()
            day_start = midnight(day)
            for second, is_online in arrivals:
                procedure = BY_PROCEDURE[int(draw() * len(BY_PROCEDURE))]
                accepted = next_day * WORKDAY + (work_second(second) if is_working else 0)
                if is_online:
                    wait = draw()
                    accepted = min(accepted + 300 + int(wait * wait * wait * 27_000), latest)
                    if accepted % WORKDAY > WORKDAY - 120 and accepted < latest:
                        accepted += 180  # not at closing time: first thing in the morning
                term = terms[procedure]
                if not term and accepted % WORKDAY >= LATEST_SAME_DAY:
                    term = 1
                self.applied.append(day_start + second)
                self.procedure.append(procedure)
                self.online.append(is_online)
                work.append(accepted)
                due_day.append(accepted // WORKDAY + term)
            next_day += is_working

    def _complete(self, clock: WorkClock, draw: Callable[[], float], work: list[int], due_day: list[int]) -> None:
        """Give each dossier its end, so that the year's totals come out as reported."""
        everyone = range(len(work))
        year_start, year_end = clock.first * WORKDAY, clock.end * WORKDAY

        def between(low: int, high: int) -> int:
            return low + 1 + int(draw() * (high - low - 1))

        # Whoever is not chosen below is done on the due day, in time.
        done = [
            between(max(accepted, day * WORKDAY), (day + 1) * WORKDAY)
            for accepted, day in zip(work, due_day, strict=True)
        ]
        outcome = bytearray([ON_TIME]) * len(work)

        due_later = [number for number in everyone if due_day[number] >= clock.end]
        pending = choose(REPORTED.pending, due_later, draw)
        for number in pending:
            done[number] = between(max(work[number], year_end), (due_day[number] + 1) * WORKDAY)

        due_before = [number for number in everyone if due_day[number] < clock.end - 1]
        for number in choose(REPORTED.resolved_overdue, due_before, draw):
            done[number] = between((due_day[number] + 1) * WORKDAY, (due_day[number] + 2) * WORKDAY)
            outcome[number] = OVERDUE

        # Due in the next year and not pending at the end of this one: finished before its time.
        early = sorted(set(due_later) - set(pending))
        could_be_early = [
            number
            for number in due_before
            if max(work[number], year_start) < due_day[number] * WORKDAY - 1 and outcome[number] == ON_TIME
        ]
        for number in early + choose(REPORTED.resolved_early - len(early), could_be_early, draw):
            done[number] = between(max(work[number], year_start), min(due_day[number] * WORKDAY, year_end))
            outcome[number] = EARLY

        self.completed.extend(clock.instants(done))
        self.outcome.frombytes(outcome)

    # --- counting them ---

    def _index(self) -> None:
        """Sort them by what is asked for, so that no question costs a walk through the year."""
        everyone = range(len(self))
        self._by_accepted = array("I", sorted(everyone, key=self.accepted.__getitem__))
        self._by_completed = array("I", sorted(everyone, key=self.completed.__getitem__))
        self._accepted_at = self._instants(self._by_accepted, self.accepted, self.online, kinds=2)
        self._completed_at = self._instants(self._by_completed, self.completed, self.outcome, kinds=3)
        self._longest_wait = max(map(sub, self.accepted, self.applied))
        self._longest_work = max(map(sub, self.completed, self.accepted))
        self._asked = array("I", (number for number in self._by_accepted if self.supplement(number)))
        self._late = [number for number in everyone if self.outcome[number] == OVERDUE]
        self._first_of_day: dict[int, int] = {}  # day since the epoch -> the first dossier submitted on it
        for number in reversed(everyone):
            self._first_of_day[day_number(self.applied[number])] = number

    def _instants(self, order: array[int], at: array[int], kind: array[int], kinds: int) -> list[list[array[int]]]:
        """Sorted instants, per agency and kind."""
        found = [[array("I") for _ in range(kinds)] for _ in AGENCIES]
        of_procedure = [found[procedure.agency] for procedure in PROCEDURES]
        for number in order:
            of_procedure[self.procedure[number]][kind[number]].append(at[number])
        return found

    def totals(self, start: float, end: float, agencies: Iterable[int] = range(len(AGENCIES))) -> Totals:
        """The figures of [start, end): received by the day of acceptance, pending as of `end`."""
        agencies = tuple(agencies)

        def until(instant: float, table: list[list[array[int]]], *kinds: int) -> int:
            """How many were accepted or completed before an instant."""
            return sum(bisect_left(table[agency][kind], instant) for agency in agencies for kind in kinds)

        def during(table: list[list[array[int]]], kind: int) -> int:
            return until(end, table, kind) - until(start, table, kind)

        def open_at(instant: float) -> int:
            return until(instant, self._accepted_at, 0, 1) - until(instant, self._completed_at, EARLY, ON_TIME, OVERDUE)

        late = sum(self.due[it] < end <= self.completed[it] and self.agency(it) in agencies for it in self._late)
        return Totals(
            open_at(start),
            during(self._accepted_at, 1),
            during(self._accepted_at, 0),
            during(self._completed_at, EARLY),
            during(self._completed_at, ON_TIME),
            during(self._completed_at, OVERDUE),
            open_at(end) - late,
            late,
        )

    # --- finding them ---

    def agency(self, number: int) -> int:
        return PROCEDURES[self.procedure[number]].agency

    def apply_method(self, number: int) -> int:
        """0 online, 1 in person or by post."""
        return 1 - self.online[number]

    def supplement(self, number: int) -> tuple[int, int] | None:
        """When the citizen was asked for more, and had brought it; None: nothing was missing."""
        accepted, completed = self.accepted[number], self.completed[number]
        if number % ASKED_FOR_MORE or completed - accepted < 2 * 86_400:
            return None
        return accepted + (completed - accepted) // 4, accepted + (completed - accepted) * 3 // 4

    def status(self, number: int, now: float) -> int:
        if now < self.accepted[number]:
            return SUBMITTED
        if now >= self.completed[number]:
            return RETURNED
        asked = self.supplement(number)
        return WAITING if asked and asked[0] <= now < asked[1] else PROCESSING

    def updated(self, number: int, now: float) -> int:
        """The last instant at which something happened to a dossier that is there."""
        steps = (self.completed[number], *reversed(self.supplement(number) or ()), self.accepted[number])
        return next((at for at in steps if at <= now), self.applied[number])

    def count(self, now: float) -> int:
        """How many have been submitted by now: the numbers below it are there."""
        return bisect_right(self.applied, now)

    def applied_in(self, start: float, end: float, visible: int) -> range:
        """Those submitted in [start, end) and numbered below `visible`."""
        return range(bisect_left(self.applied, start), min(bisect_left(self.applied, end), visible))

    def accepted_in(self, start: float, end: float) -> Sequence[int]:
        order, at = self._by_accepted, self.accepted.__getitem__
        return order[bisect_left(order, start, key=at) : bisect_left(order, end, key=at)]

    def latest_first(self, now: float) -> Iterator[int]:
        """Those that are there, the one that changed last before the others; costs what is taken of it."""
        waiting = range(bisect_left(self.applied, now - self._longest_wait), self.count(now))
        started = self.accepted_in(now - self._longest_work, now)
        finished = self._by_completed[: bisect_right(self._by_completed, now, key=self.completed.__getitem__)]
        asked = sorted(((self.updated(it, now), it) for it in self._asked_among(now)), reverse=True)
        changes = heapq.merge(
            ((self.applied[it], it) for it in reversed(waiting) if self.accepted[it] > now),
            (
                (self.accepted[it], it)
                for it in reversed(started)
                if self.completed[it] > now and not self.supplement(it)
            ),
            asked,
            ((self.completed[it], it) for it in reversed(finished)),
            key=itemgetter(0),
            reverse=True,
        )
        return (number for _, number in changes)

    def _asked_among(self, now: float) -> Iterator[int]:
        """Of the accepted ones that are open those that wait for a supplement, did or will."""
        at = self.accepted.__getitem__
        first, after = (bisect_left(self._asked, instant, key=at) for instant in (now - self._longest_work, now))
        return (number for number in self._asked[first:after] if self.completed[number] > now)

    def code(self, number: int) -> str:
        """<agency>-yyMMdd-<running number of the day>."""
        instant = self.applied[number]
        running = number - self._first_of_day[day_number(instant)] + 1
        return f"{AGENCIES[self.agency(number)].code}-{datetime.fromtimestamp(instant, ZONE):%y%m%d}-{running:04d}"

    def find(self, code: str) -> int | None:
        """The dossier with this code."""
        match = re.fullmatch(r"[\w.]+-(\d{6})-(\d{4})", code)
        if not match:
            return None
        try:
            day = datetime.strptime(match[1], "%y%m%d").replace(tzinfo=ZONE)
        except ValueError:
            return None
        first = self._first_of_day.get(day_number(day.timestamp()))
        number = -1 if first is None else first + int(match[2]) - 1
        return number if 0 <= number < len(self) and self.code(number) == code else None

    # --- showing them ---

    def dossier(self, number: int, now: float) -> dict[str, Any]:
        """One dossier as iGate's search gives it, as of now."""
        procedure = PROCEDURES[self.procedure[number]]
        status = self.status(number, now)
        accepted = self.accepted[number] if status != SUBMITTED else None
        own = (self.year * 100_000 + number) * 10
        task = {
            "id": object_id(own + 1),
            "assignee": {"id": object_id(3), "fullname": "CÁN BỘ MÔ PHỎNG", "account": "0000000000"},
            "candidateGroup": [{"id": AGENCIES[procedure.agency].id, "name": AGENCIES[procedure.agency].name}],
            "isCurrent": int(status != RETURNED),
            "createdDate": iso(accepted or self.applied[number]),
            "bpmProcessDefinitionTask": {
                "name": TASK_NAMES[status],
                "remind": {"id": status, "name": TASK_NAMES[status]},
            },
        }
        return {
            "id": object_id(own),
            "code": self.code(number),
            "nationCode": None,
            "dossierStatus": {"id": status, "name": STATUS_NAMES[status]},
            "dossierTaskStatus": {"id": object_id(10 + status), "name": TASK_NAMES[status]},
            "applicant": {"userId": object_id(4), "eformId": object_id(5), "data": _applicant(number)},
            "eForm": {"id": object_id(5), "data": _applicant(number)},
            "procedure": {
                "id": procedure.id,
                "code": procedure.code,
                "translate": translated(procedure.name),
                "sector": {"id": sector_id(procedure), "code": f"H00-{self.procedure[number]:02d}"},
            },
            "agency": {
                "id": AGENCIES[procedure.agency].id,
                "code": AGENCIES[procedure.agency].code,
                "name": translated(AGENCIES[procedure.agency].name),
                "parent": {"id": ROOT_AGENCY.id},
                "ancestors": [{"id": ROOT_AGENCY.id, "name": translated(ROOT_AGENCY.name)}],
            },
            "applyMethod": {
                "id": self.apply_method(number),
                "name": "Trực tuyến" if self.online[number] else "Trực tiếp",
            },
            "appliedDate": iso(self.applied[number]),
            "acceptedDate": iso(accepted),
            "appointmentDate": iso(self.due[number] if accepted else None),
            "dueDate": iso(self.due[number] if accepted else None),
            "completedDate": iso(self.completed[number] if status == RETURNED else None),
            "updatedDate": iso(self.updated(number, now)),
            "processingTime": procedure.days,
            "processingTimeUnit": "d",
            "task": [task],
            "currentTask": [] if status == RETURNED else [task],
            "dossierFormFile": [
                {
                    "id": object_id(own + 2),
                    "case": "Bản sao giấy tờ tùy thân",
                    "file": [{"id": object_id(own + 3), "filename": "giay-to-mo-phong.pdf", "size": 1024}],
                }
            ],
            "dossierFee": [],
            "paymentRequestData": {"paidDate": None},
        }


def _applicant(number: int) -> dict[str, Any]:
    """Nobody: every field in which a real system holds a person's data, filled with what cannot be one."""
    place = {"value": object_id(6), "label": "ĐƯỜNG MÔ PHỎNG"}
    return {
        "fullname": "NGƯỜI MÔ PHỎNG",
        "ownerFullname": "CHỦ HỒ SƠ MÔ PHỎNG",
        "birthday": "1900-01-01T00:00:00.000+0700",
        "gender": number % 2,
        "identityNumber": "000000000000",
        "phoneNumber": "0000000000",
        "email": "nguoi.mo.phong@example.invalid",
        "address": "Số 0, ĐƯỜNG MÔ PHỎNG",
        "village": place,
        "district": place,
        "province": place,
        "organization": "TỔ CHỨC MÔ PHỎNG",
    }


def sector_id(procedure: Procedure) -> str:
    names = list(dict.fromkeys(it.sector for it in PROCEDURES))
    return object_id(300 + names.index(procedure.sector))


def translated(name: str) -> list[dict[str, Any]]:
    """A name as iGate gives it: per language, 228 being Vietnamese."""
    return [{"languageId": 228, "name": name}]


def iso(instant: float | None) -> str | None:
    """An instant as iGate writes it, such as 2026-07-01T08:00:00.000+0700."""
    return None if instant is None else f"{datetime.fromtimestamp(instant, ZONE):%Y-%m-%dT%H:%M:%S.000%z}"
