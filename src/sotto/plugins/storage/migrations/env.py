"""What Alembic runs: the revisions that are lacking, over the connection that it is given."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"], version_table="sotto_revision"
)
context.run_migrations()
