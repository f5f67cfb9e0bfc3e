"""A row for each message, and what was spent on them

Expand: the version before does not look at the new tables.
"""

import sqlalchemy as sa
from alembic import op

from denglu.store.migrations.steps import binary, key, make_index, make_table, note

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    make_table(
        "sms_message",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("merchant_id", sa.Integer(), server_default="0", nullable=False),
        sa.Column("number_key", binary(32), nullable=True),
        sa.Column("mobile_masked", sa.String(length=20), server_default="", nullable=False),
        sa.Column("template", sa.String(length=32), server_default="", nullable=False),
        sa.Column("gateway", sa.String(length=20), server_default="", nullable=False),
        sa.Column("provider_id", key(64), nullable=True),
        sa.Column("cost", sa.Integer(), server_default="0", nullable=False),
        sa.Column("parts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("outcome", sa.String(length=20), server_default="", nullable=False),
        sa.Column("error", sa.String(length=64), server_default="", nullable=False),
        sa.Column("latency_ms", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("finished_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("received_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sms_message")),
    )
    make_index("ix_sms_message_created_at", "sms_message", ["created_at"])
    make_index("ix_sms_message_mobile_masked", "sms_message", ["mobile_masked"])
    make_index(
        "ix_sms_message_provider_id", "sms_message", ["provider_id"], "provider_id IS NOT NULL"
    )
    make_table(
        "sms_spend",
        sa.Column("scope", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", key(8), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ends_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("messages", sa.Integer(), server_default="0", nullable=False),
        sa.Column("cost", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("scope", "kind", "starts_at", name=op.f("pk_sms_spend")),
        sqlite_with_rowid=False,
    )
    make_index("ix_sms_spend_ends_at", "sms_spend", ["ends_at"])
    note(revision, oldest_reader="0001")
