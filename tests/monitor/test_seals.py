"""Evidence as text, and seals over lines: what a stranger makes again with sha256sum has to come out."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from monitor.model import Exchange, Outcome, Phases, Reason, StepResult, Verdict
from monitor.seals import (
    Finding,
    Part,
    Seal,
    Sealing,
    compare,
    compare_copies,
    date_of,
    day_of,
    digest_of,
    evidence_of,
    gaps,
    is_genuine,
    number_of,
    outcome_line,
    read_copies,
    start_of,
)
from monitor.wire import dump_outcomes, load_outcomes

DUE = 1_790_830_800_000
DAY = date(2026, 11, 23)

EXCHANGE = Exchange(
    request="GET http://igate.invalid/search?page=0&code=***",
    status=503,
    headers=(("content-type", "text/html"), ("retry-after", "30")),
    length=512,
    address="192.0.2.7:443",
    certificate="2027-01-05 09:30 UTC, 2 certificates",
    error="",
    detail="HTTP 503",
    body="Hệ thống đang bảo trì\n",
)
GOOD = StepResult("token", Verdict.UP, None, Phases(0.001, 0.002, 0.003, 0.15, 0.004), 200)
FAILED = StepResult("search", Verdict.DOWN, Reason.HTTP_5XX, Phases(wait=1.2345678, transfer=0.0001), 503, EXCHANGE)
SKIPPED = StepResult("procedures", None)


def outcome(*steps: StepResult, due_at: int = DUE) -> Outcome:
    verdict = Verdict.DOWN if FAILED in steps else Verdict.UP
    reason = Reason.HTTP_5XX if FAILED in steps else None
    return Outcome("igate", "search", "office", due_at, 2, due_at + 3, 1.5, verdict, reason, steps)


# --- evidence ---------------------------------------------------------------------------------------------------------


def test_the_body_of_evidence_is_canonical() -> None:
    """Digests of bodies are in seals that were given away: this text may not come out otherwise, ever."""
    seen = evidence_of(outcome(GOOD, FAILED, SKIPPED))
    assert seen is not None
    assert seen.step == "search"
    assert seen.body == (
        '{"check":"search","due_at":1790830800000,"exchange":{"address":"192.0.2.7:443",'
        '"body":"Hệ thống đang bảo trì\\n","certificate":"2027-01-05 09:30 UTC, 2 certificates","detail":"HTTP 503",'
        '"error":"","headers":[["content-type","text/html"],["retry-after","30"]],"length":512,'
        '"request":"GET http://igate.invalid/search?page=0&code=***","status":503},"location":"office",'
        '"phases":{"connect":0,"dns":0,"tls":0,"transfer":100,"wait":1234568},"reason":"http_5xx",'
        '"started_at":1790830800003,"status":503,"step":"search","system":"igate","try":2,"verdict":"down"}'
    )
    assert seen.digest == "3682df956d11e31648a26c6b2a38f70d989331e12befd33ad5eb9c7de6b32e6b"


def test_the_digest_is_what_sha256sum_says_of_the_body() -> None:
    seen = evidence_of(outcome(FAILED))
    assert seen is not None
    said = subprocess.run(["sha256sum"], input=seen.body.encode(), capture_output=True, check=True).stdout
    assert said.decode().split()[0] == seen.digest


def test_the_same_evidence_comes_out_behind_the_wire() -> None:
    made = outcome(GOOD, FAILED, SKIPPED)
    (arrived,), _ = load_outcomes(dump_outcomes([made], {}))
    assert evidence_of(arrived) == evidence_of(made)


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param((), id="no steps"),
        pytest.param((GOOD, SKIPPED), id="nothing failed"),
        pytest.param((replace(GOOD, exchange=EXCHANGE),), id="an exchange of a good step"),
        pytest.param((replace(FAILED, exchange=None),), id="a failed step that is not shown"),
        pytest.param((replace(FAILED, exchange=None), FAILED), id="the first that failed is the one that counts"),
    ],
)
def test_what_brings_no_evidence(steps: tuple[StepResult, ...]) -> None:
    assert evidence_of(outcome(*steps)) is None


def test_half_a_character_from_a_network_is_no_reason_to_fail() -> None:
    seen = evidence_of(outcome(replace(FAILED, exchange=replace(EXCHANGE, error="\ud800", body="\0"))))
    assert seen is not None
    assert json.loads(seen.body)["exchange"]["error"] == "?"
    assert "\0" not in seen.body  # PostgreSQL keeps no text with one


def test_evidence_is_genuine_under_its_own_key_alone() -> None:
    seen = evidence_of(outcome(FAILED))
    assert seen is not None
    key = ("igate", "search", "office", DUE, 2, "search")
    assert is_genuine(key, seen.body, seen.digest)
    assert not is_genuine(key, seen.body.replace("503", "200"), seen.digest)
    assert not is_genuine(key, seen.body, digest_of("other"))
    for other in (("lgsp", *key[1:]), (*key[:3], DUE + 1, *key[4:]), (*key[:5], "token")):
        assert not is_genuine(other, seen.body, seen.digest)
    for body in ("", "[]", "{}", "1", '"text"'):
        assert not is_genuine(key, body, digest_of(body))


# --- days -------------------------------------------------------------------------------------------------------------


def test_days_are_those_of_utc() -> None:
    midnight = round(datetime(2026, 11, 23, tzinfo=UTC).timestamp() * 1000)
    number = number_of(DAY)
    assert start_of(number) == midnight
    assert (day_of(midnight), day_of(midnight - 1), date_of(number)) == (number, number - 1, DAY)
    assert day_of(round(datetime(2020, 1, 1, tzinfo=UTC).timestamp() * 1000)) == 0


# --- seals ------------------------------------------------------------------------------------------------------------

LINES = [outcome(GOOD), outcome(GOOD, FAILED, SKIPPED, due_at=DUE + 60_000)]
DIGESTS = [digest_of("a"), digest_of("b")]
BEFORE = digest_of("the day before")


def sealed(day: date = DAY, previous: str | None = BEFORE, outcomes: int = 2, digests: int = 2) -> Seal:
    sealing = Sealing(previous)
    for one in LINES[:outcomes]:
        sealing.add_outcome(one)
    for digest in DIGESTS[:digests]:
        sealing.add_evidence(digest)
    return sealing.seal(day, 7)


def test_a_seal_is_the_sha256_of_its_lines() -> None:
    text = f"{BEFORE}\n" + "".join(map(outcome_line, LINES)) + "".join(f"{d}\n" for d in DIGESTS)
    said = subprocess.run(["sha256sum"], input=text.encode(), capture_output=True, check=True).stdout
    made = sealed()
    assert said.decode().split()[0] == made.digest
    assert (made.day, made.outcomes, made.evidence, made.previous, made.made_at) == (DAY, 2, 2, BEFORE, 7)
    assert made.line == f"2026-11-23 {made.digest}"


def test_seals_that_were_given_away_stay_valid() -> None:
    """The lines are those of the export. Whoever gives them another field has to keep the old ones for seals."""
    assert sealed().digest == "7ed097a8353e1de42d990438a6c1396eb7ad8890c7d9d795959bc735e61b7baf"
    assert Sealing(None).seal(DAY, 0).digest == digest_of("\n")


def test_each_part_enters_the_seal() -> None:
    variants = [sealed(), sealed(previous=None), sealed(outcomes=1), sealed(digests=1), sealed(outcomes=0, digests=0)]
    assert len({seal.digest for seal in variants}) == len(variants)
    assert sealed(outcomes=1).evidence_digest == sealed().evidence_digest
    assert sealed(digests=1).outcomes_digest == sealed().outcomes_digest


BEFORE_SEAL = sealed(date(2026, 11, 22))._replace(digest=BEFORE)


@pytest.mark.parametrize(
    ("kept", "parts"),
    [
        pytest.param(sealed(), [], id="well"),
        pytest.param(sealed(outcomes=1), [Part.OUTCOMES], id="one outcome more"),
        pytest.param(sealed(digests=1), [Part.EVIDENCE], id="one piece of evidence more"),
        pytest.param(sealed(outcomes=1, digests=1), [Part.OUTCOMES, Part.EVIDENCE], id="both"),
        pytest.param(sealed()._replace(outcomes_digest=BEFORE), [Part.OUTCOMES], id="an outcome changed"),
        pytest.param(sealed()._replace(evidence_digest=BEFORE), [Part.EVIDENCE], id="evidence changed"),
        pytest.param(sealed()._replace(digest=BEFORE), [Part.SEAL], id="the seal changed"),
        pytest.param(sealed()._replace(previous=None), [Part.CHAIN], id="cut off"),
        pytest.param(sealed()._replace(previous=DIGESTS[0]), [Part.CHAIN], id="of another chain"),
    ],
)
def test_what_does_not_match_is_named(kept: Seal, parts: list[Part]) -> None:
    assert [finding.part for finding in compare(kept, sealed(), BEFORE_SEAL)] == parts


def test_of_a_day_whose_content_is_gone_the_chain_is_looked_at() -> None:
    assert compare(sealed(), None, BEFORE_SEAL) == []
    (finding,) = compare(sealed(), None, None)
    assert finding == Finding(DAY, Part.CHAIN, "mắt xích với con dấu của ngày trước không khớp")


def test_gaps_in_the_chain_are_found() -> None:
    first, last = date(2026, 11, 20), date(2026, 11, 23)
    seals = {day: sealed(day) for day in (first, date(2026, 11, 22), last)}
    assert [f.day for f in gaps(seals, [])] == [date(2026, 11, 21)]
    assert [f.day for f in gaps(seals, [date(2026, 11, 18), date(2026, 11, 24)])] == [
        date(2026, 11, 18),
        date(2026, 11, 19),
        date(2026, 11, 21),
    ]
    assert gaps({}, [first]) == []


# --- copies kept outside ----------------------------------------------------------------------------------------------


def test_copies_are_read_as_they_are_written() -> None:
    made = sealed()
    text = f"# sao lưu\n\n  {made.line}\r\n2026-11-22 {BEFORE}\n{made.line}\n"
    assert read_copies(text) == {DAY: made.digest, date(2026, 11, 22): BEFORE}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("2026-11-23", "line 2: a seal was due"),
        (f"2026-11-23 {BEFORE[:-1]}", "line 2: a seal was due"),
        (f"2026-11-23 {BEFORE.upper()}", "line 2: a seal was due"),
        (f"23/11/2026 {BEFORE}", "line 2: a seal was due"),
        (f"2026-02-30 {BEFORE}", "line 2: 2026-02-30 is no day"),
        (f"2026-11-22 {DIGESTS[0]}", "line 2: a second seal of 2026-11-22"),
    ],
)
def test_a_bad_line_is_named(line: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_copies(f"2026-11-22 {BEFORE}\n{line}\n")


def test_copies_are_held_against_the_chain() -> None:
    made = sealed()
    seals = {DAY: made}
    assert compare_copies(seals, {DAY: made.digest}) == []
    assert compare_copies(seals, {}) == []
    other = compare_copies(seals, {DAY: BEFORE, date(2026, 11, 24): BEFORE})
    assert [(f.day, f.part) for f in other] == [(DAY, Part.OUTSIDE), (date(2026, 11, 24), Part.OUTSIDE)]
