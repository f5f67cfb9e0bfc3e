"""Alembic's entry: runs the migrations on the connection that ``store.migrate`` hands over."""

from alembic import context

from denglu.store.schema import metadata

attributes = context.config.attributes
connection = attributes["connection"]
context.configure(
    connection=connection,
    version_table=attributes.get("version_table", "alembic_version"),
    target_metadata=metadata,
    transactional_ddl=True,
    transaction_per_migration=True,
    render_as_batch=connection.dialect.name == "sqlite",
)
with context.begin_transaction():
    context.run_migrations()
