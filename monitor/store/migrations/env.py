"""Run by alembic for each upgrade, on the connection that `Database.upgrade` hands it."""

from __future__ import annotations

from alembic import context

from monitor.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
