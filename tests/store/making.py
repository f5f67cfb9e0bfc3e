"""Short ways to the values that stores are given in tests."""

import hashlib
from dataclasses import replace

from denglu.domain.member import Member, MemberType, NewMember, read_identifier
from denglu.domain.session import Found, Lives, Session
from denglu.domain.sms_code import Usage
from denglu.flows.ports import NewCode, NewMessage, NewSession, Store, TokenDigests, Transaction

NOW = 1_750_000_000
MOBILE = "13800000000"
NUMBER = b"n" * 32


async def add_member(store: Store, new: NewMember | None = None, *, now: int = NOW) -> Member:
    """Add a member (one with a mobile and a password unless said otherwise)."""
    new = new or NewMember(mobile=MOBILE, password_hash="$argon2id$first")
    member_id = await store.write(lambda tx: tx.members.add(new, now))
    return await member_of(store, member_id)


async def member_of(store: Store, member_id: int) -> Member:
    member = await store.read(lambda tx: tx.members.get(member_id))
    assert member is not None
    return member


async def find(store: Store, name: str, merchant_id: int = 0) -> Member | None:
    """Who is found by what a person types."""
    who = read_identifier(name)
    return await store.read(lambda tx: tx.members.find(merchant_id, MemberType.member, who))


def new_session(member_id: int = 1, *, group: str = "iOS", **changes: object) -> NewSession:
    session = NewSession(
        merchant_id=0,
        member_id=member_id,
        member_type=MemberType.member,
        group=group,
        allowed=1,
        nonce=b"a 16 byte nonce.",
        lives=Lives(access=NOW + 7200, refresh=NOW + 30 * 86400),
        absolute_expires_at=NOW + 90 * 86400,
        device="iPhone",
        ip="203.0.113.7",
        now=NOW,
    )
    return replace(session, **changes)  # type: ignore[arg-type]


async def open_session(store: Store, new: NewSession) -> tuple[int, list[Session]]:
    """Open a session with the pair of its first generation."""

    async def work(tx: Transaction) -> tuple[int, list[Session]]:
        session_id, replaced = await tx.sessions.open(new)
        await tx.sessions.add_pair(session_id, new.member_id, 1, pair(session_id, 1))
        return session_id, replaced

    return await store.write(work)


async def rotate(store: Store, session: Session, *, now: int) -> bool:
    """Rotate, and make the next pair known when it was done."""

    async def work(tx: Transaction) -> bool:
        done = await tx.sessions.rotate(session, Lives(now + 7200, now + 30 * 86400), now)
        if done:
            generation = session.generation + 1
            digests = pair(session.id, generation)
            await tx.sessions.add_pair(session.id, session.member_id, generation, digests)
        return done

    return await store.write(work)


def pair(session_id: int, generation: int) -> TokenDigests:
    return TokenDigests(access(session_id, generation), refresh(session_id, generation))


def access(session_id: int, generation: int = 1) -> bytes:
    return hashlib.sha256(b"access %d %d" % (session_id, generation)).digest()


def refresh(session_id: int, generation: int = 1) -> bytes:
    return hashlib.sha256(b"refresh %d %d" % (session_id, generation)).digest()


async def found(store: Store, digest: bytes) -> Found:
    """What a known token leads to."""
    token = await store.find_token(digest)
    assert token is not None
    return token


async def live(store: Store, member_id: int = 1, group: str | None = None) -> list[int]:
    """The ids of a member's live sessions."""
    return [s.id for s in await store.read(lambda tx: tx.sessions.live(member_id, group))]


def new_code(*, usage: str = Usage.login, number: bytes = NUMBER, now: int = NOW) -> NewCode:
    return NewCode(
        merchant_id=0,
        number_key=number,
        masked="138****0000",
        usage=usage,
        salt=b"s" * 16,
        digest=b"d" * 32,
        expires_at=now + 300,
        ip="203.0.113.7",
        now=now,
    )


def new_message(
    *,
    number: bytes = NUMBER,
    template: str = Usage.login,
    masked: str = "138****0000",
    now: int = NOW,
) -> NewMessage:
    return NewMessage(merchant_id=0, number_key=number, masked=masked, template=template, now=now)
