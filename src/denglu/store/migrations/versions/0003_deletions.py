"""Members who asked for the deletion of their account

Expand: the version before does not look at the new table and index. On SQLite the ids of accounts
become what they have been all along, those of their members: look-ups rely on it.
"""

import sqlalchemy as sa
from alembic import op

from denglu.store.migrations.steps import add_index, make_index, make_table, note

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # First: on PostgreSQL it stands outside of the transaction that holds the rest.
    add_index("ix_sms_code_mobile_masked", "sms_code", ["mobile_masked"])
    make_table(
        "member_cancellation",
        sa.Column("member_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("requested_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("due_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("member_id", name=op.f("pk_member_cancellation")),
    )
    make_index("ix_member_cancellation_due_at", "member_cancellation", ["due_at"])
    if op.get_bind().dialect.name == "sqlite":
        # In two steps: an id may still be that of another account. None of them is below zero.
        op.execute("UPDATE member_account SET id = -member_id WHERE id <> member_id")
        op.execute("UPDATE member_account SET id = -id WHERE id < 0")
    note(revision, oldest_reader="0001")
