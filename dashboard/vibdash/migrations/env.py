"""Run by Alembic with the connection of `vibdash.migrating`, inside its transaction."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
