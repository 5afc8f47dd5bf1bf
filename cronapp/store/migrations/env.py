"""Alembic's entry: the connection is handed in by `store.open.migrate`."""

from alembic import context

from cronapp.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transactional_ddl=False)
context.run_migrations()
