"""Outcomes, and everything made from them, in SQLite or PostgreSQL. The only package that imports sqlalchemy."""

from monitor.store.database import StoreError
from monitor.store.dated import CheckKey, SettingsOf
from monitor.store.judging import Change
from monitor.store.outcomes import Key
from monitor.store.recorder import Recorded
from monitor.store.schema import LATENCY_BUCKETS
from monitor.store.store import ReasonCount, Rollup, Store

__all__ = [
    "LATENCY_BUCKETS",
    "Change",
    "CheckKey",
    "Key",
    "ReasonCount",
    "Recorded",
    "Rollup",
    "SettingsOf",
    "Store",
    "StoreError",
]
