"""Alembic's entry: the connection comes from `store.schema`."""

from alembic import context

from scrapinsta_ray.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
