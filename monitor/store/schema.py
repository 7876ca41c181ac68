"""The tables. What they mean is said here; how they came to be is in migrations/versions.

`outcomes` is the truth and only ever grows. `lines`, `boundaries`, `rollups`, `days` and `reasons` are made from it and
can be made again (`Store.rebuild`). Facts, at the end, are what people decided and what was sent: rows are added, never
taken away. Instants are ms since the epoch in `outcomes` and `lines`, seconds elsewhere.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

LATENCY_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper limits in seconds, inclusive, of the latency counts in `rollups`; the last count is of what is above."""

ALWAYS = 0
"""The `hour` of the row in `rollups` and `reasons` that counts since the beginning.

It counts tries by what they said themselves, so it only ever grows: whoever reads it as a counter takes one that
shrinks for one that began anew. In the rows of hours a try counts for what it was worth: where its location turns out
to have been blind, for nothing.
"""

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s",
    }
)

# A check at a location: everything else names it by its number.
series = Table(
    "series",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("system", Text, nullable=False),
    Column("check", Text, nullable=False),
    Column("location", Text, nullable=False),
    UniqueConstraint("system", "check", "location"),
)

step_names = Table(
    "step_names",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
)

# One row a try. The key begins with the instant: rows come nearly in its order, so pages fill up and stay; in SQLite
# the table is its own index.
outcomes = Table(
    "outcomes",
    metadata,
    Column("due_at", BigInteger, primary_key=True, autoincrement=False),
    Column("series", Integer, primary_key=True, autoincrement=False),
    Column("try", SmallInteger, primary_key=True, autoincrement=False),
    Column("started", BigInteger, nullable=False),  # ms after due_at
    Column("micros", Integer, nullable=False),
    Column("code", SmallInteger, nullable=False),  # codec.outcome_code: verdict, reason, origin
    Column("steps", LargeBinary, nullable=False),  # codec.pack_steps
    Column("received", SmallInteger),  # seals.day_of the recording; null: older than seals
    sqlite_with_rowid=False,
)

# Of the imported ones alone, so that asking a period whether it has any costs nothing where there are none.
IMPORTED = text("(code & 1) = 1")  # codec.outcome_code: the lowest bit is the origin
Index("ix_outcomes_imported", outcomes.c.due_at, sqlite_where=IMPORTED, postgresql_where=IMPORTED)

# What judges the slots of a check that are due at or after `valid_from`, until the next row; model.Settings.
settings = Table(
    "settings",
    metadata,
    Column("system", Text, primary_key=True),
    Column("check", Text, primary_key=True),
    Column("valid_from", BigInteger, primary_key=True, autoincrement=False),
    Column("interval", Double, nullable=False),
    Column("timeout", Double, nullable=False),
    Column("confirm_down", Integer, nullable=False),
    Column("confirm_up", Integer, nullable=False),
    Column("spacing", Double, nullable=False),
    sqlite_with_rowid=False,
)

# The instants at which a line changes its state; judge.Boundary.
boundaries = Table(
    "boundaries",
    metadata,
    Column("series", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("step", Text),
    sqlite_with_rowid=False,
)

# All that is needed to judge the next try of a line, and to show its last one; judge.Line.
lines = Table(
    "lines",
    metadata,
    Column("series", Integer, primary_key=True, autoincrement=False),
    Column("state", Text, nullable=False),
    Column("since", BigInteger),
    Column("reason", Text),
    Column("step", Text),
    Column("until", BigInteger, nullable=False),
    Column("open", Text),  # JSON of what is not settled yet, mostly null; codec.pack_open
    Column("started_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("try", SmallInteger, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("last_reason", Text),
    Column("last_step", Text),
    Column("micros", Integer, nullable=False),
    sqlite_with_rowid=False,
)

VERDICT_COUNTS = ("up", "degraded", "down", "inconclusive")
PHASE_SUMS = ("dns", "connect", "tls", "wait", "transfer")
BUCKET_COUNTS = (*(f"le_{round(limit * 1000)}ms" for limit in LATENCY_BUCKETS), "le_inf")
ROLLUP_COUNTS = (*VERDICT_COUNTS, "rechecks", "failed_rechecks", "micros", *PHASE_SUMS, *BUCKET_COUNTS)
"""Of first tries by verdict; of rechecks; then, of first tries with a conclusive verdict, the sum of their durations in
microseconds, of their phases in units of 0.1 ms, and their number by latency (each counted in one bucket)."""

# [start, end) in which a location saw nothing, end null while it lasts; judge.Blind. They may touch.
blind = Table(
    "blind",
    metadata,
    Column("location", Text, primary_key=True),
    Column("start", BigInteger, primary_key=True, autoincrement=False),
    Column("end", BigInteger),
    sqlite_with_rowid=False,
)

# Counts of one line in one hour (its start; by start of the try), or since the beginning (hour 0).
rollups = Table(
    "rollups",
    metadata,
    Column("series", Integer, primary_key=True, autoincrement=False),
    Column("hour", BigInteger, primary_key=True, autoincrement=False),
    *(Column(name, BigInteger, nullable=False) for name in ROLLUP_COUNTS),
    sqlite_with_rowid=False,
)

# First tries with a conclusive verdict, and rechecks, of one line in one day of UTC (its start): sums of `rollups`, so
# that a figure of a year does not add up nine thousand hours of every line.
days = Table(
    "days",
    metadata,
    Column("series", Integer, primary_key=True, autoincrement=False),
    Column("day", BigInteger, primary_key=True, autoincrement=False),
    Column("conclusive", BigInteger, nullable=False),
    Column("rechecks", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# First tries that were not plainly up, by reason and by the step that decided it ("" for none).
reasons = Table(
    "reasons",
    metadata,
    Column("series", Integer, primary_key=True, autoincrement=False),
    Column("hour", BigInteger, primary_key=True, autoincrement=False),
    Column("reason", Text, primary_key=True),
    Column("step", Text, primary_key=True),
    Column("tries", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# Cumulative counts that belong to no line; `transactions` also tells a recorder that another one has written.
counters = Table(
    "counters",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# The last second whose tick somebody has claimed; one row, id 1.
ticks = Table(
    "ticks",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("second", BigInteger, nullable=False),
)

# Facts about the store itself, as text.
meta = Table(
    "meta",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

DERIVED = (lines, boundaries, rollups, days, reasons, blind)
"""What `rebuild` makes again."""

# --- what was measured beside the verdicts, and facts -----------------------------------------------------------------

# The newest value of each gauge of a line; `at`: start of the try that brought it, ms.
gauges = Table(
    "gauges",
    metadata,
    Column("series", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, primary_key=True),
    Column("value", Double, nullable=False),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# Announced maintenance: seconds, half-open; `systems` is a JSON list of ids. A window that recurs is one row a date,
# all with one `series`. A cancellation is written into the row, once.
maintenance = Table(
    "maintenance",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("systems", Text, nullable=False),
    Column("start", BigInteger, nullable=False),
    Column("end", BigInteger, nullable=False),
    Column("notice_at", BigInteger, nullable=False),
    Column("notice_url", Text),
    Column("series", Text),
    Column("title", Text, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("cancelled_at", BigInteger),
    Column("cancelled_by", Text),
)

# What the catalogue said of a system or a contract (`subject`), in the order in which it was recorded: it holds from
# `valid_from` on, whatever was recorded before; terms.Recorded. `reason`: why a person recorded it.
terms = Table(
    "terms",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("subject", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("valid_from", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("reason", Text),
)

# An incident keeps its id whatever is found out later; its times are derived (seconds), `detected_at` is a fact (ms).
# `kind`: outage, blind (then `system` is _control and `location` says where), reported (by desk staff: what no probe
# sees). `state`: open, restored, closed, withdrawn; `merged_into`: the older incident that a withdrawn one is part of.
incidents = Table(
    "incidents",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("system", Text, nullable=False),
    Column("location", Text),
    Column("state", Text, nullable=False),
    Column("start", BigInteger, nullable=False),
    Column("end", BigInteger),
    Column("down_seconds", BigInteger, nullable=False),
    Column("root", Text),
    Column("party", Text),
    Column("reason", Text),
    Column("step", Text),
    Column("severity", Text, nullable=False),
    Column("detected_at", BigInteger, nullable=False),
    Column("merged_into", Integer),
    Index("ix_incidents", "system", "start"),
    Index("ix_incidents_state", "state"),
    Index("ix_incidents_merged_into", "merged_into"),
)

# What people did about an incident: acknowledged, vendor_notified, vendor_answered, note, attributed, closed...
# `at`: when it was written down, `effective_at`: when it happened (ms); `value` is JSON.
incident_facts = Table(
    "incident_facts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("incident", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("effective_at", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("value", Text),
    Column("text", Text),
    Index("ix_incident_facts", "incident"),
)

# Closed periods: each version's figures (JSON), and the digest of what they were made from. Versions are never changed.
periods = Table(
    "periods",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("start", BigInteger, nullable=False),
    Column("end", BigInteger, nullable=False),
    Column("closed_at", BigInteger, nullable=False),
    Column("closed_by", Text, nullable=False),
    Column("reason", Text),
    Column("inputs", Text, nullable=False),
    Column("figures", Text, nullable=False),
    Column("reopened_at", BigInteger),
    Column("reopened_by", Text),
    Column("reopened_why", Text),
)

# What was seen of a failed try, redacted: JSON, and its SHA-256. `received_at` in ms.
evidence = Table(
    "evidence",
    metadata,
    Column("due_at", BigInteger, primary_key=True, autoincrement=False),
    Column("series", Integer, primary_key=True, autoincrement=False),
    Column("try", SmallInteger, primary_key=True, autoincrement=False),
    Column("step", Text, primary_key=True),
    Column("received_at", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Column("digest", Text, nullable=False),
)

# Where the outcomes are that were received on a day (`outcomes.received`): due in [first_due, last_due].
received_days = Table(
    "received_days",
    metadata,
    Column("day", SmallInteger, primary_key=True, autoincrement=False),
    Column("first_due", BigInteger, nullable=False),
    Column("last_due", BigInteger, nullable=False),
    Column("outcomes", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# One digest a day over all outcomes and evidence received in it, over what was closed and reopened (`periods`; null in
# seals from before these were sealed), and over the day before; `day` is YYYY-MM-DD.
seals = Table(
    "seals",
    metadata,
    Column("day", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("outcomes", BigInteger, nullable=False),
    Column("evidence", BigInteger, nullable=False),
    Column("previous", Text),
    Column("outcomes_digest", Text, nullable=False),
    Column("evidence_digest", Text, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("closed", Integer),
    Column("closed_digest", Text),
)

# --- dossiers of the one-stop desk: instants in seconds, no field that names a person ---------------------------------

# What dossiers are counted by: codes, "" where the source has none.
dossier_groups = Table(
    "dossier_groups",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("unit", Text, nullable=False),
    Column("procedure", Text, nullable=False),
    Column("sector", Text, nullable=False),
    UniqueConstraint("unit", "procedure", "sector"),
)

# One row a dossier; dossiers.Dossier. `deadline` (the last second in time) and `timeliness` are derived from `due` and
# `ended`, so that the database can count them.
dossiers = Table(
    "dossiers",
    metadata,
    Column("code", Text, primary_key=True),
    Column("group", Integer, nullable=False),
    Column("channel", SmallInteger, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("applied", BigInteger),
    Column("accepted", BigInteger),
    Column("due", BigInteger),
    Column("ended", BigInteger),
    Column("updated", BigInteger, nullable=False),
    Column("deadline", BigInteger),
    Column("timeliness", SmallInteger),
    Index("ix_dossiers_applied", "applied"),
    Index("ix_dossiers_accepted", "accepted"),
    Index("ix_dossiers_ended", "ended"),
    Index("ix_dossiers_open", "deadline", sqlite_where=text("ended IS NULL"), postgresql_where=text("ended IS NULL")),
    sqlite_with_rowid=False,
)

# When more was asked of a citizen, and when it had been brought; dossiers.Supplement.
dossier_supplements = Table(
    "dossier_supplements",
    metadata,
    Column("code", Text, primary_key=True),
    Column("requested", BigInteger, primary_key=True, autoincrement=False),
    Column("answered", BigInteger),
    Index("ix_dossier_supplements", "requested"),
    sqlite_with_rowid=False,
)

# Names of procedures and sectors; `kind` is dossiers.By.
dossier_names = Table(
    "dossier_names",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("code", Text, primary_key=True),
    Column("name", Text, nullable=False),
    sqlite_with_rowid=False,
)

# dossiers.Unit; days are YYYY-MM-DD, `valid_from` "" is open. `imported`: by people, so a collection leaves it alone.
units = Table(
    "units",
    metadata,
    Column("code", Text, primary_key=True),
    Column("valid_from", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("parent", Text),
    Column("level", Text),
    Column("valid_to", Text),
    Column("successor", Text),
    Column("imported", SmallInteger, nullable=False),
    sqlite_with_rowid=False,
)

# How far the dossiers of a system have been collected; store.dossiers.Progress.
dossier_collections = Table(
    "dossier_collections",
    metadata,
    Column("system", Text, primary_key=True),
    Column("watermark", BigInteger),
    Column("since", BigInteger),
    Column("next_watermark", BigInteger),
    Column("page", Integer, nullable=False),
    Column("size", Integer, nullable=False),
    Column("started_at", BigInteger),
    Column("until", BigInteger),
    Column("listed", BigInteger),
    Column("next_since", BigInteger),
    sqlite_with_rowid=False,
)

# Forms as they were imported, collected or closed, every version: `body` is JSON, `violations` what did not hold.
dossier_forms = Table(
    "dossier_forms",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("start", Text, nullable=False),
    Column("end", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("reason", Text),
    Column("body", Text, nullable=False),
    Column("violations", Text, nullable=False),
    UniqueConstraint("start", "end", "source", "version"),
)

# Points of index 766 as the national portal gave them; `unit` "" is the whole province. Kept in every version.
official_scores = Table(
    "official_scores",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("start", Text, nullable=False),
    Column("end", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("component", Text, nullable=False),
    Column("points", Text),
    Column("numerator", Text),
    Column("denominator", Text),
    Column("made_at", BigInteger, nullable=False),
    Column("made_by", Text, nullable=False),
    Index("ix_official_scores", "start", "end"),
)

# Whether the national portal has a dossier: 1, 0, or null where it did not say; `at`: when it was asked.
dossier_answers = Table(
    "dossier_answers",
    metadata,
    Column("code", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("found", SmallInteger),
    sqlite_with_rowid=False,
)

# The outbox: one row for each message and target (route and channel), made with the change that it tells of. `state`:
# waiting, sent, failed (given up), dropped (no longer so before anybody was told). Instants in ms. `labels` is JSON.
# `claim` is the token of who is sending it, until `claimed_until`; `tried_at`: when it was first taken to be sent;
# `held_since`: it waits for the check of parents. `stands`: 1 of one that says that an incident goes on, until its
# target has been told that it is over, or was never told; null of the others.
messages = Table(
    "messages",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("incident", Integer),
    Column("system", Text),
    Column("ordinal", Integer, nullable=False),
    Column("labels", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("not_before", BigInteger, nullable=False),
    Column("held_since", BigInteger),
    Column("attempts", Integer, nullable=False),
    Column("claim", Text),
    Column("claimed_until", BigInteger),
    Column("tried_at", BigInteger),
    Column("stands", SmallInteger),
    Column("ended_at", BigInteger),
    Column("error", Text),
    Column("title", Text),
    Column("body", Text),
    UniqueConstraint("key", "route", "channel"),
    Index("ix_messages", "state", "channel"),
    Index("ix_messages_incident", "incident"),
    Index("ix_messages_stands", "stands", "incident"),
    Index("ix_messages_made", "kind", "made_at"),
)

# Attempts to deliver since the beginning, by channel and by what came of them: ok, failed.
deliveries = Table(
    "deliveries",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("result", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),
)

# Reports of closed periods, every version: `facts` (JSON) is all that they are made from, `digest` is over it, `edits`
# (JSON) what a person changed. Versions are never changed; `sent_at` is when one was last sent.
reports = Table(
    "reports",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("period_version", Integer, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("reason", Text),
    Column("digest", Text, nullable=False),
    Column("facts", Text, nullable=False),
    Column("edits", Text, nullable=False),
    Column("sent_at", BigInteger),
)
