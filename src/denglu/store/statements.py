"""Every statement of the hot paths, declared in Core; ``compile_all`` makes their SQL.

Names of bound values never equal a column that the same statement sets, except where that
is meant (``values`` of an insert).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ClauseElement,
    ColumnElement,
    Join,
    ScalarSelect,
    Table,
    and_,
    bindparam,
    case,
    delete,
    exists,
    false,
    func,
    insert,
    literal_column,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.engine.interfaces import Dialect

from denglu.domain.member import MemberType
from denglu.store import rows
from denglu.store.compiled import Compiled, compile_statement
from denglu.store.deletions import DELETIONS
from denglu.store.journal import JOURNAL
from denglu.store.merchants import MERCHANTS
from denglu.store.message_book import MESSAGE_BOOK
from denglu.store.messages import MESSAGES
from denglu.store.schema import (
    account,
    audit,
    import_mark,
    level,
    member,
    merchant,
    session,
    sms_code,
    sms_message,
    sms_spend,
    tally,
    token,
)
from denglu.store.spending import SPENDING_KEY, spending_statements
from denglu.store.tallies import tally_statements


def p(name: str) -> Any:
    """A value that the caller gives."""
    return bindparam(f"p_{name}")


def _insert(table: Table, *columns: str) -> ClauseElement:
    return insert(table).values({name: bindparam(name) for name in columns})


def _token(kind: int, digest: str) -> Mapping[str, Any]:
    return {
        "digest": p(digest),
        "session_id": p("session_id"),
        "member_id": p("member_id"),
        "generation": p("generation"),
        "kind": literal_column(str(kind)),
    }


_is_unmarked_parent = and_(token.c.generation == p("parent"), token.c.child_used_at.is_(None))
_member_parts = [
    *(member.c[name] for name in rows.MEMBER_COLUMNS),
    *(account.c[name] for name in rows.ACCOUNT_COLUMNS),
    *(level.c[name] for name in rows.LEVEL_COLUMNS),
]


def _has_one_id(dialect: Dialect) -> bool:
    """Whether an account has its member's id, so that one tree is walked for it and not two."""
    return dialect.name == "sqlite"


def _member_joins(dialect: Dialect) -> Join:
    its_account: ColumnElement[bool] = account.c.member_id == member.c.id
    if _has_one_id(dialect):
        its_account = and_(account.c.id == member.c.id, its_account)
    its_level = and_(
        level.c.merchant_id == member.c.merchant_id,
        level.c.level == member.c.current_level,
        level.c.status == 1,
    )
    return member.outerjoin(account, its_account).outerjoin(level, its_level)


_USER = int(MemberType.merchant_user)
# Those whose users there may be. The site itself, which is 0, has no row.
_owner = union_all(select(merchant.c.id), select(literal_column("0"))).subquery("owner")


_parent = token.alias("parent")
_unmarked_parent = exists().where(
    _parent.c.session_id == token.c.session_id,
    _parent.c.generation == token.c.generation - 1,
    _parent.c.kind == 2,
    _parent.c.child_used_at.is_(None),
)
_live = session.c.slot.is_not(None)
_session_parts = [session.c[name] for name in rows.SESSION_COLUMNS]
_enabled = member.c.status == 1


def _find_member(joins: Join, key: ColumnElement[Any]) -> ClauseElement:
    return (
        select(*_member_parts)
        .select_from(joins)
        .where(
            member.c.merchant_id == p("merchant_id"),
            member.c.type == p("type"),
            member.c.status != -1,
            key == p("key"),
        )
    )


def _user_id(key: str, value: Any) -> ScalarSelect[Any]:
    """The id of the user with this key, of whichever merchant: looked up by the unique key of
    each. In a join, databases that take merchants for many would rather read all members.
    """
    one = member.alias("one")
    its = select(one.c.id).where(
        one.c.merchant_id == _owner.c.id, one.c.type == _USER, one.c[key] == value
    )
    return select(func.min(its.scalar_subquery())).select_from(_owner).scalar_subquery()


def _find_user(dialect: Dialect, key: str) -> ClauseElement:
    """Among the users of all merchants; those of a disabled one are as good as disabled."""
    enabled = or_(member.c.merchant_id == 0, merchant.c.status == 1)
    status = case((enabled, member.c.status), else_=0)
    parts = [status if part is member.c.status else part for part in _member_parts]
    joins = _member_joins(dialect).outerjoin(merchant, merchant.c.id == member.c.merchant_id)
    return (
        select(*parts)
        .select_from(joins)
        .where(member.c.id == _user_id(key, p("key")), member.c.status != -1)
    )


def _member_statements(dialect: Dialect) -> dict[str, ClauseElement]:
    """What knows how a member's account is reached."""
    joins = _member_joins(dialect)
    whole = select(*_member_parts).select_from(joins)
    same_id = ("id",) if _has_one_id(dialect) else ()
    return {
        "account_add": _insert(account, *same_id, "merchant_id", "member_id", "member_type"),
        "member_get": whole.where(member.c.id == p("member_id")),
        "member_by_mobile": _find_member(joins, member.c.mobile_key),
        "member_by_email": _find_member(joins, member.c.email_key),
        "member_by_username": _find_member(joins, member.c.username_key),
        "user_by_mobile": _find_user(dialect, "mobile_key"),
        "user_by_email": _find_user(dialect, "email_key"),
        "user_by_username": _find_user(dialect, "username_key"),
        "user_page": whole.where(
            member.c.merchant_id == p("merchant_id"),
            member.c.type == _USER,
            member.c.id > p("after"),
            member.c.status != -1,
        )
        .order_by(member.c.id)
        .limit(p("limit")),
        "member_page": whole.where(member.c.id > p("after"), member.c.status != -1)
        .order_by(member.c.id)
        .limit(p("limit")),
        "token_find": select(
            token.c.kind,
            token.c.generation,
            token.c.rotated_at,
            token.c.child_used_at,
            # Looked up only where there is a parent.
            case((token.c.generation > 1, _unmarked_parent), else_=false()),
            *_session_parts,
            *_member_parts,
        )
        .select_from(
            token.join(session, session.c.id == token.c.session_id).join(
                joins, member.c.id == session.c.member_id
            )
        )
        .where(token.c.digest == p("digest")),
    }


MEMBERS: dict[str, ClauseElement] = {
    "member_add": _insert(member, *rows.NEW_MEMBER_COLUMNS),
    "member_code": update(member)
    .values(promoter_code=p("code"), nickname=p("nickname"))
    .where(member.c.id == p("member_id")),
    "member_set_password": update(member)
    .values(
        password_hash=p("hash"),
        password_version=member.c.password_version + 1,
        legacy_hash=None,
        updated_at=p("now"),
    )
    .where(member.c.id == p("member_id"), _enabled),
    "member_set_mobile": update(member)
    .values(mobile=p("mobile"), mobile_key=p("mobile"), updated_at=p("now"))
    .where(member.c.id == p("member_id"), member.c.mobile == p("old"), _enabled),
    "member_rehash": update(member)
    .values(password_hash=p("hash"), legacy_hash=None)
    .where(member.c.id == p("member_id"), member.c.password_hash == p("old")),
    "member_visit": update(member)
    .values(visit_count=member.c.visit_count + 1, last_time=p("now"), last_ip=p("ip"))
    .where(
        member.c.id == p("member_id"),
        member.c.password_version == p("version"),
        member.c.mobile == p("mobile"),
        _enabled,
    ),
    # Another version: a login that is being judged fails, and failures in a row are forgotten.
    "member_status": update(member)
    .values(status=p("status"), updated_at=p("now"), password_version=member.c.password_version + 1)
    .where(member.c.id == p("member_id"), member.c.status != -1),
    "member_wipe": update(member)
    .values(rows.WIPED_MEMBER | {"status": -1, "updated_at": p("now")})
    .where(member.c.id == p("member_id"), member.c.status != -1),
    "account_status": update(account)
    .values(status=p("status"))
    .where(account.c.member_id == p("member_id")),
    "member_legacy": select(member.c.id).where(member.c.legacy_hash == 1).limit(1),
}

SESSIONS: dict[str, ClauseElement] = {
    "session_live": select(*_session_parts, session.c.slot)
    .where(session.c.member_id == p("member_id"), _live)
    .order_by(session.c.created_at, session.c.id),
    "session_add": _insert(session, *rows.NEW_SESSION_COLUMNS),
    "session_end": update(session)
    .values(slot=None, ended_at=p("now"), end_reason=p("reason"), ended_by=p("by"))
    .where(session.c.id == p("session_id"), _live),
    "session_rotate": update(session)
    .values(
        generation=session.c.generation + 1,
        rotated_at=p("now"),
        access_expires_at=p("access"),
        refresh_expires_at=p("refresh"),
    )
    .where(session.c.id == p("session_id"), session.c.generation == p("generation"), _live),
    # Both of a generation.
    "token_add": insert(token).values([_token(1, "access"), _token(2, "refresh")]),
    # The refresh token of a generation, and whose child it is: two rows, one way to the server.
    "token_rotated": update(token)
    .values(
        rotated_at=case(
            (token.c.generation == p("generation"), p("now")), else_=token.c.rotated_at
        ),
        child_used_at=case((_is_unmarked_parent, p("now")), else_=token.c.child_used_at),
    )
    .where(
        token.c.session_id == p("session_id"),
        token.c.generation.in_([p("generation"), p("parent")]),
        token.c.kind == 2,
    ),
    "token_child_used": update(token)
    .values(child_used_at=p("now"))
    .where(
        token.c.session_id == p("session_id"),
        token.c.generation == p("generation"),
        token.c.kind == 2,
        token.c.child_used_at.is_(None),
    ),
    "token_forget_access": delete(token).where(
        token.c.session_id == p("session_id"),
        token.c.generation == p("generation"),
        token.c.kind == 1,
    ),
    # Left by an import: until when the tokens that it brought may be alive.
    "tokens_imported": select(import_mark.c.target_id).where(
        import_mark.c.kind == "tokens", import_mark.c.source_id == 0
    ),
}

CODES: dict[str, ClauseElement] = {
    "code_supersede": update(sms_code)
    .values(live=None)
    .where(sms_code.c.id == p("code_id"), sms_code.c.live == 1),
    "code_add": _insert(sms_code, *rows.NEW_CODE_COLUMNS),
    "code_try": update(sms_code)
    .values(tries=sms_code.c.tries + 1)
    .where(
        sms_code.c.id == p("code_id"),
        sms_code.c.live == 1,
        sms_code.c.expires_at > p("now"),
        sms_code.c.tries < p("tries"),
    ),
    "code_live": select(
        sms_code.c.id, sms_code.c.salt, sms_code.c.digest, sms_code.c.created_at, sms_code.c.ip
    ).where(
        sms_code.c.number_key == p("number_key"),
        sms_code.c.code_usage == p("usage"),
        sms_code.c.live == 1,
    ),
    "code_refund": update(sms_code)
    .values(tries=sms_code.c.tries - 1)
    .where(sms_code.c.id == p("code_id"), sms_code.c.tries > 0),
    "code_spend": update(sms_code)
    .values(live=None, used_at=p("now"))
    .where(
        sms_code.c.id == p("code_id"),
        sms_code.c.live == 1,
        sms_code.c.expires_at > p("now"),
    ),
}

_ABOUT_NUMBER = ("event", "at", "merchant_id", "ip", "note")
TRAIL: dict[str, ClauseElement] = {
    "audit_add": _insert(
        audit,
        "event", "at", "merchant_id", "member_id", "session_id", "client_group", "ip", "note",
    ),
    "audit_orphans": select(audit.c.id)
    .where(
        audit.c.at >= p("since"),
        audit.c.at <= p("until"),
        audit.c.merchant_id == p("merchant_id"),
        audit.c.member_id.is_(None),
        audit.c.note.like(p("pattern")),
    )
    .order_by(audit.c.id),
    "audit_adopt": update(audit).values(member_id=p("member_id")).where(audit.c.id == p("key")),
    # The same work for a number that has a member and for one that has none. In another form MySQL
    # would lock the member's row.
    "audit_add_of_mobile": insert(audit).from_select(
        [*_ABOUT_NUMBER, "member_id"],
        select(
            *(bindparam(name, type_=audit.c[name].type) for name in _ABOUT_NUMBER),
            select(member.c.id)
            .where(
                member.c.merchant_id == p("merchant_id"),
                member.c.type == 1,
                member.c.mobile_key == p("mobile"),
            )
            .scalar_subquery(),
        ),
    ),
}  # fmt: skip


def _batch(
    key: ColumnElement[Any] | Sequence[ColumnElement[Any]],
    *condition: ColumnElement[bool],
    by: Sequence[ColumnElement[Any]] = (),
) -> ClauseElement:
    """Locked, so that what was found stays as it is; what a rival has is left for later, so
    that retention, which has its rows in no order, never waits.
    """
    keys = key if isinstance(key, Sequence) else [key]
    found = select(*keys).where(*condition).order_by(*by).limit(p("limit"))
    return found.with_for_update(skip_locked=True)


# What retention looks for, a batch of keys at a time; each is then dealt with by its key.
RETENTION: dict[str, ClauseElement] = {
    "old_codes": _batch(sms_code.c.id, sms_code.c.expires_at < p("before")),
    "old_tallies": _batch(tally.c.tally_key, tally.c.expires_at < p("before")),
    "old_audit": _batch(audit.c.id, audit.c.at < p("before")),
    "old_sessions": _batch(session.c.id, session.c.ended_at < p("before")),
    "expired_sessions": _batch(
        session.c.id,
        session.c.ended_at.is_(None),
        session.c.refresh_expires_at <= p("before"),
        # The order of their index: no other is worth a thought then, and those that ended long
        # ago are not looked at.
        by=(session.c.ended_at, session.c.refresh_expires_at),
    ),
    "old_messages": _batch(sms_message.c.id, sms_message.c.created_at < p("before")),
    "old_spending": _batch(
        [sms_spend.c[name] for name in SPENDING_KEY], sms_spend.c.ends_at < p("before")
    ),
    "drop_code": delete(sms_code).where(sms_code.c.id == p("key")),
    "drop_tally": delete(tally).where(
        tally.c.tally_key == p("key"), tally.c.expires_at < p("before")
    ),
    "drop_audit": delete(audit).where(audit.c.id == p("key")),
    "drop_session": delete(session).where(session.c.id == p("key")),
    "drop_message": delete(sms_message).where(sms_message.c.id == p("key")),
    "drop_spending": delete(sms_spend).where(
        *(sms_spend.c[name] == p(name) for name in SPENDING_KEY)
    ),
    "drop_tokens": delete(token).where(token.c.session_id == p("key")),
}


def compile_more(more: Mapping[str, ClauseElement] | None, dialect: Dialect) -> dict[str, Compiled]:
    """Statements of plugins, for one dialect."""
    return {name: compile_statement(each, dialect) for name, each in (more or {}).items()}


def compile_all(dialect: Dialect) -> dict[str, Compiled]:
    """All statements for one dialect, by name."""
    of_dialect = (
        _member_statements(dialect) | tally_statements(dialect) | spending_statements(dialect)
    )
    books = (JOURNAL, MESSAGE_BOOK)
    others = (
        MEMBERS, MERCHANTS, SESSIONS, CODES, MESSAGES, TRAIL, *books, RETENTION, DELETIONS,
    )  # fmt: skip
    everything = of_dialect | {name: each for part in others for name, each in part.items()}
    return {name: compile_statement(stmt, dialect) for name, stmt in everything.items()}
