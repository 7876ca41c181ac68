"""The core of motcua: what is watched, what was seen, what it means."""

__version__ = "0.1.0"
