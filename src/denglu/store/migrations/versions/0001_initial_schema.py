"""Initial schema"""

import time

import sqlalchemy as sa
from alembic import op

from denglu.store.migrations.steps import binary, key, make_index, make_table

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    make_table(
        "audit_event",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("event", sa.String(length=40), nullable=False),
        sa.Column("at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("merchant_id", sa.Integer(), server_default="0", nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=True),
        sa.Column("session_id", sa.BigInteger(), nullable=True),
        sa.Column("client_group", sa.String(length=50), server_default="", nullable=False),
        sa.Column("ip", sa.String(length=45), server_default="", nullable=False),
        sa.Column("note", sa.String(length=255), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_event")),
    )
    make_index("ix_audit_event_at", "audit_event", ["at"])
    make_index("ix_audit_event_member_id", "audit_event", ["member_id"])

    make_table(
        "limit_tally",
        sa.Column("tally_key", binary(32), nullable=False),
        sa.Column("tries", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("tally_key", name=op.f("pk_limit_tally")),
        sqlite_with_rowid=False,
    )
    make_index("ix_limit_tally_expires_at", "limit_tally", ["expires_at"])

    make_table(
        "member",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("merchant_id", sa.Integer(), server_default="0", nullable=False),
        sa.Column("store_id", sa.Integer(), server_default="0", nullable=False),
        sa.Column("username", sa.String(length=255), server_default="", nullable=False),
        sa.Column("type", sa.Integer(), server_default="1", nullable=False),
        sa.Column("realname", sa.String(length=50), server_default="", nullable=False),
        sa.Column("nickname", sa.String(length=60), server_default="", nullable=False),
        sa.Column("head_portrait", sa.String(length=255), server_default="", nullable=False),
        sa.Column("gender", sa.Integer(), server_default="0", nullable=False),
        sa.Column("qq", sa.String(length=20), server_default="", nullable=False),
        sa.Column("email", sa.String(length=255), server_default="", nullable=False),
        sa.Column("birthday", sa.String(length=10), nullable=True),
        sa.Column("province_id", sa.Integer(), server_default="0", nullable=False),
        sa.Column("city_id", sa.Integer(), server_default="0", nullable=False),
        sa.Column("area_id", sa.Integer(), server_default="0", nullable=False),
        sa.Column("address", sa.String(length=200), server_default="", nullable=False),
        sa.Column("mobile", sa.String(length=20), server_default="", nullable=False),
        sa.Column("tel_no", sa.String(length=20), server_default="", nullable=False),
        sa.Column("bg_image", sa.String(length=255), server_default="", nullable=False),
        sa.Column("description", sa.String(length=255), server_default="", nullable=False),
        sa.Column("visit_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_time", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("last_ip", sa.String(length=45), server_default="", nullable=False),
        sa.Column("role", sa.Integer(), server_default="0", nullable=False),
        sa.Column("current_level", sa.Integer(), server_default="1", nullable=False),
        sa.Column("level_expiration_time", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("level_buy_type", sa.Integer(), server_default="1", nullable=False),
        sa.Column("pid", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("level", sa.Integer(), server_default="1", nullable=False),
        sa.Column("tree", sa.Text(), nullable=False),
        sa.Column("promoter_code", sa.String(length=50), server_default="", nullable=False),
        sa.Column("certification_type", sa.Integer(), server_default="0", nullable=False),
        sa.Column("source", sa.String(length=50), server_default="", nullable=False),
        sa.Column("status", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("updated_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=True),
        sa.Column("password_version", sa.Integer(), server_default="0", nullable=False),
        sa.Column("legacy_hash", sa.SmallInteger(), nullable=True),
        sa.Column("username_key", key(255), nullable=True),
        sa.Column("mobile_key", key(20), nullable=True),
        sa.Column("email_key", key(255), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_member")),
        sa.UniqueConstraint("merchant_id", "type", "email_key", name="uq_member_email_key"),
        sa.UniqueConstraint("merchant_id", "type", "mobile_key", name="uq_member_mobile_key"),
        sa.UniqueConstraint("merchant_id", "type", "username_key", name="uq_member_username_key"),
    )
    make_index("ix_member_legacy_hash", "member", ["legacy_hash"], "legacy_hash IS NOT NULL")

    make_table(
        "member_account",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("merchant_id", sa.Integer(), server_default="0", nullable=False),
        sa.Column("store_id", sa.Integer(), server_default="0", nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("member_type", sa.Integer(), server_default="1", nullable=False),
        sa.Column("user_money", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("accumulate_money", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("give_money", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("consume_money", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("frozen_money", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("user_integral", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("accumulate_integral", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("give_integral", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("consume_integral", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("frozen_integral", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("user_growth", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("accumulate_growth", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("consume_growth", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("frozen_growth", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("economize_money", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("accumulate_drawn_money", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("status", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_member_account")),
        sa.UniqueConstraint("member_id", name="uq_member_account_member_id"),
    )
    make_table(
        "member_level",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("merchant_id", sa.Integer(), server_default="0", nullable=False),
        sa.Column("level", sa.Integer(), server_default="0", nullable=False),
        sa.Column("name", sa.String(length=255), server_default="", nullable=False),
        sa.Column("icon", sa.String(length=255), server_default="", nullable=False),
        sa.Column("cover", sa.String(length=255), server_default="", nullable=False),
        sa.Column("detail", sa.String(length=255), server_default="", nullable=False),
        sa.Column("money", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("integral", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("growth", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("discount", sa.BigInteger(), server_default="1000", nullable=False),
        sa.Column("status", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("updated_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_member_level")),
        sa.UniqueConstraint("merchant_id", "level", name="uq_member_level_level"),
    )
    make_table(
        "session",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("merchant_id", sa.Integer(), server_default="0", nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("member_type", sa.Integer(), server_default="1", nullable=False),
        sa.Column("client_group", key(50), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=True),
        sa.Column("generation", sa.Integer(), server_default="1", nullable=False),
        sa.Column("nonce", binary(16), nullable=False),
        sa.Column("access_expires_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("refresh_expires_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("absolute_expires_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rotated_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("device", sa.String(length=64), server_default="", nullable=False),
        sa.Column("ip", sa.String(length=45), server_default="", nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("end_reason", sa.String(length=20), nullable=True),
        sa.Column("ended_by", sa.String(length=64), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session")),
        sa.UniqueConstraint("member_id", "client_group", "slot", name="uq_session_slot"),
    )
    make_index("ix_session_ended_at", "session", ["ended_at"])
    make_index("ix_session_refresh_expires_at", "session", ["refresh_expires_at"])

    make_table(
        "session_token",
        sa.Column("digest", binary(32), nullable=False),
        sa.Column("session_id", sa.BigInteger(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("generation", sa.Integer(), server_default="0", nullable=False),
        sa.Column("kind", sa.Integer(), server_default="0", nullable=False),
        sa.Column("rotated_at", sa.BigInteger(), nullable=True),
        sa.Column("child_used_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_session_token")),
        sa.UniqueConstraint("session_id", "generation", "kind", name="uq_session_token_generation"),
        sqlite_with_rowid=False,
    )
    make_table(
        "sms_code",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("merchant_id", sa.Integer(), server_default="0", nullable=False),
        sa.Column("number_key", binary(32), nullable=False),
        sa.Column("mobile_masked", sa.String(length=20), server_default="", nullable=False),
        sa.Column("code_usage", key(20), nullable=False),
        sa.Column("live", sa.SmallInteger(), nullable=True),
        sa.Column("salt", binary(16), nullable=False),
        sa.Column("digest", binary(32), nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("expires_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("ip", sa.String(length=45), server_default="", nullable=False),
        sa.Column("gateway", sa.String(length=20), server_default="", nullable=False),
        sa.Column("outcome", sa.String(length=20), server_default="", nullable=False),
        sa.Column("outcome_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sms_code")),
        sa.UniqueConstraint("number_key", "code_usage", "live", name="uq_sms_code_live"),
    )
    make_index("ix_sms_code_expires_at", "sms_code", ["expires_at"])

    # A fresh install has one level, and every new member is in it. Money is in hundredths.
    level = sa.table(
        "member_level",
        *(sa.column(name) for name in ("merchant_id", "level", "name", "discount", "created_at")),
    )
    first: dict[str, object] = {"merchant_id": 0, "level": 1, "name": "普通会员", "discount": 1000}
    if op.get_bind().execute(sa.select(level.c.level).limit(1)).first() is None:
        op.bulk_insert(level, [first | {"created_at": int(time.time())}])
