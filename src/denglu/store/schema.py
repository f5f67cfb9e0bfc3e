"""The tables, as SQLAlchemy Core declares them for SQLite, PostgreSQL and MySQL/MariaDB.

Money is stored in whole hundredths, times in Unix seconds, digests in 32 binary bytes. Keys
that must be unique whatever the spelling are columns of their own (``*_key``), compared byte
by byte. A member's id is in every table that belongs to a member.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects import mysql

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite gives out rowids only for a column that is called INTEGER.
Id = BigInteger().with_variant(Integer, "sqlite")
Digest = LargeBinary(32).with_variant(mysql.BINARY(32), "mysql", "mariadb")
Salt = LargeBinary(16).with_variant(mysql.BINARY(16), "mysql", "mariadb")


def _key(length: int) -> String:
    return String(length).with_variant(
        mysql.VARCHAR(length, collation="utf8mb4_bin"), "mysql", "mariadb"
    )


def _text(name: str, length: int) -> Column[str]:
    return Column(name, String(length), nullable=False, server_default="")


def _number(name: str, default: int = 0, *, big: bool = False) -> Column[int]:
    kind = BigInteger if big else Integer
    return Column(name, kind, nullable=False, server_default=str(default))


def _time(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default="0")


member = Table(
    "member",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    _number("merchant_id"),
    _number("store_id"),
    _text("username", 255),
    _number("type", 1),
    _text("realname", 50),
    _text("nickname", 60),
    _text("head_portrait", 255),
    _number("gender"),
    _text("qq", 20),
    _text("email", 255),
    Column("birthday", String(10)),
    _number("province_id"),
    _number("city_id"),
    _number("area_id"),
    _text("address", 200),
    _text("mobile", 20),
    _text("tel_no", 20),
    _text("bg_image", 255),
    _text("description", 255),
    _number("visit_count"),
    _time("last_time"),
    _text("last_ip", 45),
    _number("role"),
    _number("current_level", 1),
    _time("level_expiration_time"),
    _number("level_buy_type", 1),
    _number("pid", big=True),
    _number("level", 1),
    Column("tree", Text, nullable=False),
    _text("promoter_code", 50),
    _number("certification_type"),
    _text("source", 50),
    _number("status", 1),
    _time("created_at"),
    _time("updated_at"),
    Column("password_hash", String(255)),
    _number("password_version"),
    # 1 while password_hash is an imported one, else NULL.
    Column("legacy_hash", SmallInteger),
    Column("username_key", _key(255)),
    Column("mobile_key", _key(20)),
    Column("email_key", _key(255)),
    UniqueConstraint("merchant_id", "type", "username_key", name="uq_member_username_key"),
    UniqueConstraint("merchant_id", "type", "mobile_key", name="uq_member_mobile_key"),
    UniqueConstraint("merchant_id", "type", "email_key", name="uq_member_email_key"),
)
Index(
    "ix_member_legacy_hash",
    member.c.legacy_hash,
    sqlite_where=member.c.legacy_hash.is_not(None),
    postgresql_where=member.c.legacy_hash.is_not(None),
)

account = Table(
    "member_account",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    _number("merchant_id"),
    _number("store_id"),
    Column("member_id", BigInteger, nullable=False),
    _number("member_type", 1),
    _number("user_money", big=True),
    _number("accumulate_money", big=True),
    _number("give_money", big=True),
    _number("consume_money", big=True),
    _number("frozen_money", big=True),
    _number("user_integral", big=True),
    _number("accumulate_integral", big=True),
    _number("give_integral", big=True),
    _number("consume_integral", big=True),
    _number("frozen_integral", big=True),
    _number("user_growth", big=True),
    _number("accumulate_growth", big=True),
    _number("consume_growth", big=True),
    _number("frozen_growth", big=True),
    _number("economize_money", big=True),
    _number("accumulate_drawn_money", big=True),
    _number("status", 1),
    UniqueConstraint("member_id", name="uq_member_account_member_id"),
)

level = Table(
    "member_level",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    _number("merchant_id"),
    _number("level"),
    _text("name", 255),
    _text("icon", 255),
    _text("cover", 255),
    _text("detail", 255),
    _number("money", big=True),
    _number("integral", big=True),
    _number("growth", big=True),
    _number("discount", 1000, big=True),
    _number("status", 1),
    _time("created_at"),
    _time("updated_at"),
    UniqueConstraint("merchant_id", "level", name="uq_member_level_level"),
)

session = Table(
    "session",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    _number("merchant_id"),
    Column("member_id", BigInteger, nullable=False),
    _number("member_type", 1),
    Column("client_group", _key(50), nullable=False),
    # The place among the live sessions of a member and group; NULL once it has ended.
    Column("slot", Integer),
    _number("generation", 1),
    Column("nonce", Salt, nullable=False),
    _time("access_expires_at"),
    _time("refresh_expires_at"),
    _time("absolute_expires_at"),
    _time("created_at"),
    _time("rotated_at"),
    _text("device", 64),
    _text("ip", 45),
    Column("ended_at", BigInteger),
    Column("end_reason", String(20)),
    _text("ended_by", 64),
    UniqueConstraint("member_id", "client_group", "slot", name="uq_session_slot"),
    # Needless since the one below, and dropped a version later.
    Index("ix_session_refresh_expires_at", "refresh_expires_at"),
    # Live ones have no ended_at: they stand together, in the order in which they expire.
    Index("ix_session_ended_refresh", "ended_at", "refresh_expires_at"),
)

token = Table(
    "session_token",
    metadata,
    Column("digest", Digest, primary_key=True),
    Column("session_id", BigInteger, nullable=False),
    Column("member_id", BigInteger, nullable=False),
    _number("generation"),
    _number("kind"),
    # Of a refresh token: when it was rotated, and when the pair it gave was first used.
    Column("rotated_at", BigInteger),
    Column("child_used_at", BigInteger),
    UniqueConstraint("session_id", "generation", "kind", name="uq_session_token_generation"),
    sqlite_with_rowid=False,
    # Room for the two marks that a refresh token gets: then neither touches the indexes.
    postgresql_with={"fillfactor": 85},
)

sms_code = Table(
    "sms_code",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    _number("merchant_id"),
    Column("number_key", Digest, nullable=False),
    _text("mobile_masked", 20),
    Column("code_usage", _key(20), nullable=False),
    # 1 for the newest code of a number and usage while it may be used; else NULL.
    Column("live", SmallInteger),
    Column("salt", Salt, nullable=False),
    Column("digest", Digest, nullable=False),
    _number("tries"),
    _time("created_at"),
    _time("expires_at"),
    Column("used_at", BigInteger),
    _text("ip", 45),
    # Only the version before writes these three: what became of a message stands in its own row.
    # Needless since there are messages, and dropped a version later.
    _text("gateway", 20),
    _text("outcome", 20),
    _time("outcome_at"),
    UniqueConstraint("number_key", "code_usage", "live", name="uq_sms_code_live"),
    Index("ix_sms_code_expires_at", "expires_at"),
    # For whoever is erased: the number itself is nowhere.
    Index("ix_sms_code_mobile_masked", "mobile_masked"),
)

# One row for each message. A number stands in it as a keyed digest and masked, until it is wiped.
sms_message = Table(
    "sms_message",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    _number("merchant_id"),
    Column("number_key", Digest),
    _text("mobile_masked", 20),
    _text("template", 32),
    _text("gateway", 20),
    # The message's name at the gateway that took it.
    Column("provider_id", _key(64)),
    # In ten-thousandths.
    _number("cost"),
    _number("parts"),
    _text("outcome", 20),
    _text("error", 64),
    _number("latency_ms"),
    _time("created_at"),
    _time("finished_at"),
    _time("received_at"),
    Index("ix_sms_message_created_at", "created_at"),
    # Of one number; also for whoever is erased.
    Index("ix_sms_message_mobile_masked", "mobile_masked"),
)
# For receipts. What was not sent has no place in it.
Index(
    "ix_sms_message_provider_id",
    sms_message.c.provider_id,
    sqlite_where=sms_message.c.provider_id.is_not(None),
    postgresql_where=sms_message.c.provider_id.is_not(None),
)

# What messages cost in one hour, day or month; ``scope``: a merchant's id, -1 for the site.
sms_spend = Table(
    "sms_spend",
    metadata,
    Column("scope", Integer, primary_key=True, autoincrement=False),
    Column("kind", _key(8), primary_key=True),
    Column("starts_at", BigInteger, primary_key=True, autoincrement=False),
    _time("ends_at"),
    _number("messages"),
    _number("cost", big=True),
    Index("ix_sms_spend_ends_at", "ends_at"),
    sqlite_with_rowid=False,
)

# Those whose members and users are kept apart; 0, which has no row, is the site itself.
merchant = Table(
    "merchant",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    _text("name", 200),
    _text("cover", 255),
    _text("address_name", 200),
    _text("address_details", 200),
    _number("collect_num"),
    _number("status", 1),
    _time("created_at"),
    _time("updated_at"),
    Column("name_key", _key(200)),
    UniqueConstraint("name_key", name="uq_merchant_name_key"),
)

# Accounts of members elsewhere (WeChat and the like), kept as data: denglu does not use them.
member_auth = Table(
    "member_auth",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    _number("merchant_id"),
    _number("store_id"),
    Column("member_id", BigInteger, nullable=False),
    _number("member_type", 1),
    _text("unionid", 64),
    _text("oauth_client", 20),
    _text("oauth_client_user_id", 100),
    _number("gender"),
    _text("nickname", 100),
    _text("head_portrait", 255),
    Column("birthday", String(10)),
    _text("country", 100),
    _text("province", 100),
    _text("city", 100),
    _number("is_addon"),
    _text("addon_name", 200),
    _number("status", 1),
    _time("created_at"),
    _time("updated_at"),
    Index("ix_member_auth_member_id", "member_id"),
)

# What an import has seen of each row of its source, so that another run brings only what changed.
import_mark = Table(
    "import_mark",
    metadata,
    Column("kind", _key(20), primary_key=True),
    Column("source_id", BigInteger, primary_key=True, autoincrement=False),
    # Of the row as it was read, and of its password or tokens alone.
    Column("digest", Digest, nullable=False),
    Column("secret_digest", Digest),
    # The row it became; 0 for one that was left out.
    Column("target_id", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

tally = Table(
    "limit_tally",
    metadata,
    Column("tally_key", Digest, primary_key=True),
    Column("tries", Text, nullable=False),
    _time("expires_at"),
    Index("ix_limit_tally_expires_at", "expires_at"),
    sqlite_with_rowid=False,
)

audit = Table(
    "audit_event",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("event", String(40), nullable=False),
    _time("at"),
    _number("merchant_id"),
    Column("member_id", BigInteger),
    Column("session_id", BigInteger),
    _text("client_group", 50),
    _text("ip", 45),
    _text("note", 255),
    Index("ix_audit_event_at", "at"),
    Index("ix_audit_event_member_id", "member_id"),
)

# Deletion that was asked for, until nothing of the member is left.
cancellation = Table(
    "member_cancellation",
    metadata,
    Column("member_id", BigInteger, primary_key=True, autoincrement=False),
    _time("requested_at"),
    _time("due_at"),
    Index("ix_member_cancellation_due_at", "due_at"),
)

# Who may use a database at a revision: the oldest version, named by its newest revision.
schema_note = Table(
    "schema_note",
    metadata,
    Column("revision", _key(20), primary_key=True),
    Column("oldest_reader", _key(20), nullable=False),
)
