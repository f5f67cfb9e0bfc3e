"""Merchants, accounts of members elsewhere, and what an import has seen

Expand: the version before does not look at the new tables.
"""

import sqlalchemy as sa
from alembic import op

from denglu.store.migrations.steps import binary, key, make_index, make_table, note

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _text(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), server_default="", nullable=False)


def _number(name: str, default: int = 0) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), server_default=str(default), nullable=False)


def _time(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)


def upgrade() -> None:
    make_table(
        "merchant",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        _text("name", 200),
        _text("cover", 255),
        _text("address_name", 200),
        _text("address_details", 200),
        _number("collect_num"),
        _number("status", 1),
        _time("created_at"),
        _time("updated_at"),
        sa.Column("name_key", key(200), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_merchant")),
        sa.UniqueConstraint("name_key", name=op.f("uq_merchant_name_key")),
    )
    make_table(
        "member_auth",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        _number("merchant_id"),
        _number("store_id"),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        _number("member_type", 1),
        _text("unionid", 64),
        _text("oauth_client", 20),
        _text("oauth_client_user_id", 100),
        _number("gender"),
        _text("nickname", 100),
        _text("head_portrait", 255),
        sa.Column("birthday", sa.String(10), nullable=True),
        _text("country", 100),
        _text("province", 100),
        _text("city", 100),
        _number("is_addon"),
        _text("addon_name", 200),
        _number("status", 1),
        _time("created_at"),
        _time("updated_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_member_auth")),
    )
    make_index("ix_member_auth_member_id", "member_auth", ["member_id"])
    make_table(
        "import_mark",
        sa.Column("kind", key(20), nullable=False),
        sa.Column("source_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", binary(32), nullable=False),
        sa.Column("secret_digest", binary(32), nullable=True),
        sa.Column("target_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "source_id", name=op.f("pk_import_mark")),
        sqlite_with_rowid=False,
    )
    note(revision, oldest_reader="0001")
