"""What the flows need from the world, in their own words.

``store``, ``security`` and ``sms`` fulfil these. A transaction's parts (``Members`` …
``Trail``) may be used only inside the work that the store runs, and that work may await
nothing else: no gateway, no hash, no sleep. The embedded store runs it to its end on the
writer's thread and refuses work that waits.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from denglu.domain.audit import AuditEvent, Entry, Span
from denglu.domain.deletion import Cancellation
from denglu.domain.errors import Detail
from denglu.domain.member import Identifier, Member, NewMember
from denglu.domain.merchant import Merchant
from denglu.domain.message_book import CodeUse, MessageEntry
from denglu.domain.session import EndReason, Found, Kind, Lives, Session
from denglu.domain.sms_code import LiveCode
from denglu.domain.sms_message import MessageResult, Receipt, SmsMessage, Trouble

T = TypeVar("T")


class Clock(Protocol):
    """The one source of wall-clock time."""

    def now(self) -> int:
        """Unix seconds."""
        ...


class Taken(Exception):
    """A unique key is in use. ``field`` is ``username``, ``mobile``, ``email`` or a merchant's
    ``name``.
    """

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class Members(Protocol):
    """Members with account and level. Deleted members are found by id only."""

    async def find(self, merchant_id: int, member_type: int, who: Identifier) -> Member | None:
        """The member whose mobile, e-mail or username this is.

        Merchants' users are one list: of theirs ``merchant_id`` is not looked at, and those of a
        disabled merchant are seen as disabled.
        """
        ...

    async def get(self, member_id: int) -> Member | None:
        """The member with this id, whatever the status."""
        ...

    async def add(self, new: NewMember, now: int) -> int:
        """Store a new member with an account and the first level; returns the id.

        Raises Taken when the username, mobile or e-mail is in use.
        """
        ...

    async def set_password(self, member_id: int, password_hash: str, now: int) -> bool:
        """Give an enabled member a new password; a login that still judges the old one fails."""
        ...

    async def rehash(self, member: Member, password_hash: str) -> bool:
        """Store the same password under a newer hash, unless it changed since ``member``."""
        ...

    async def visit(self, member: Member, now: int, ip: str) -> bool:
        """Count a visit, if the member is still enabled and has the password and the mobile of
        ``member``; a merchant's user, if the merchant is enabled, too.
        """
        ...

    async def set_status(self, member_id: int, status: int, now: int) -> bool:
        """Disable (0), enable (1) or delete (-1: personal fields and accounts elsewhere are wiped,
        names are free).
        """
        ...


class Names(Protocol):
    """What members are found by."""

    async def set_mobile(self, member: Member, mobile: str, now: int) -> bool:
        """Give an enabled member, whose mobile is still that of ``member``, another one. Raises
        Taken.
        """
        ...


class Deletions(Protocol):
    """Members who asked for the deletion of their account, and what is wiped of one.

    A member's request is read and changed while the member is held.
    """

    async def hold(self, member_id: int) -> int | None:
        """Lock a member against rivals until the transaction ends; returns the status."""
        ...

    async def of(self, member_id: int) -> Cancellation | None:
        """What the member asked for."""
        ...

    async def put(self, member_id: int, asked: Cancellation | None) -> None:
        """Write down what the member asks for now."""
        ...

    async def due(self, now: int, limit: int) -> list[int]:
        """Members with whom there is something to do by now, at most ``limit``."""
        ...

    async def wipe_codes(self, member: Member) -> None:
        """Wipe number and address from all codes and messages of numbers that look, masked, like
        one that the member has or had; the codes stay good.
        """
        ...

    async def wipe_sessions(self, member_id: int, now: int) -> None:
        """End the member's live sessions; wipe address and device from all of them."""
        ...

    async def wipe_trail(self, member_id: int, limit: int) -> int:
        """Wipe addresses and masked numbers from events of a member; returns from how many."""
        ...


class Merchants(Protocol):
    """Merchants."""

    async def find(self, who: str) -> Merchant | None:
        """The merchant with this name or, where nobody has such a name, with this id."""
        ...

    async def get(self, merchant_id: int) -> Merchant | None:
        """The merchant with this id, whatever the status."""
        ...

    async def hold(self) -> None:
        """Lock all merchants against rivals until the transaction ends, because their users are
        one list.
        """
        ...

    async def add(self, name: str, now: int) -> int:
        """Store a merchant with its first level; returns the id. Raises Taken (``name``)."""
        ...

    async def set_status(self, merchant_id: int, status: int, now: int) -> bool:
        """Disable (0) or enable (1); False when it is so already or not there."""
        ...

    async def page(self, after: int, limit: int) -> list[Merchant]:
        """Merchants whose id is above ``after``, by id, at most ``limit``."""
        ...

    async def users(self, merchant_id: int, after: int, limit: int) -> list[Member]:
        """The users of a merchant, the same, as they are stored."""
        ...


class Roster(Protocol):
    """The list of members, for operators."""

    async def page(self, after: int, limit: int) -> list[Member]:
        """Members whose id is above ``after``, by id, at most ``limit``."""
        ...


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session to be opened: generation 1 of a pair whose secrets come from ``nonce``."""

    merchant_id: int
    member_id: int
    member_type: int
    group: str
    allowed: int
    nonce: bytes = field(repr=False)
    lives: Lives
    absolute_expires_at: int
    device: str
    ip: str
    now: int


@dataclass(frozen=True, slots=True)
class TokenDigests:
    """SHA-256 of the pair of one generation."""

    access: bytes
    refresh: bytes


class Sessions(Protocol):
    """Sessions and the digests of their tokens."""

    async def find(self, digest: bytes) -> Found | None:
        """The token with this SHA-256, its session and its member."""
        ...

    async def open(self, new: NewSession) -> tuple[int, list[Session]]:
        """Open a session in the member's group; the oldest above ``allowed`` are replaced.

        Returns the new id and the sessions that were ended for it. To be called after
        ``members.visit`` in the same transaction: rivals of the member wait there.
        """
        ...

    async def add_pair(
        self, session_id: int, member_id: int, generation: int, pair: TokenDigests
    ) -> None:
        """Make the digests of one generation known."""
        ...

    async def rotate(self, session: Session, lives: Lives, now: int) -> bool:
        """Move a live session from its generation to the next; False when a rival did.

        The refresh token of the generation gets its rotation time, and its parent the first
        use of its child pair; access tokens older than the generation are forgotten.
        """
        ...

    async def mark_used(self, session: Session, generation: int, now: int) -> None:
        """Record that a pair was used, with the refresh token that it came from."""
        ...

    async def end(self, session_ids: Sequence[int], reason: EndReason, now: int) -> int:
        """End live sessions; returns how many."""
        ...

    async def live(self, member_id: int, group: str | None = None) -> list[Session]:
        """The member's live sessions, oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class NewCode:
    """A code to be stored: the number only as a keyed digest and masked, the code as HMAC."""

    merchant_id: int
    number_key: bytes
    masked: str
    usage: str
    salt: bytes = field(repr=False)
    digest: bytes = field(repr=False)
    expires_at: int
    ip: str
    now: int


class Codes(Protocol):
    """SMS codes: one live code for a number and usage."""

    async def issue(self, new: NewCode) -> int:
        """Store a code in place of the live one; returns its id."""
        ...

    async def claim_try(
        self, number_key: bytes, usage: str, tries: int, now: int
    ) -> LiveCode | None:
        """Count a try on the live code; None when there is none or its tries are used up."""
        ...

    async def refund_try(self, code_id: int) -> None:
        """Take the try back: the code was right."""
        ...

    async def spend(self, code_id: int, now: int) -> bool:
        """Use the code up; False when it is used, superseded or expired."""
        ...


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message that is about to be sent: the number only as a keyed digest and masked."""

    merchant_id: int
    number_key: bytes
    masked: str
    template: str
    now: int


class Messages(Protocol):
    """One row for each message."""

    async def add(self, new: NewMessage) -> int:
        """Write down a message as ``sending``; returns its id."""
        ...

    async def finish(self, message_id: int, result: MessageResult) -> None:
        """Write down how the sending ended."""
        ...

    async def receive(self, receipt: Receipt, now: int) -> bool:
        """Write down a receipt; False when no message has that name there."""
        ...


@dataclass(frozen=True, slots=True)
class Period:
    """One hour, day or month of one budget: ``scope`` is a merchant's id, -1 for the site.

    ``kind``: ``hour``, ``day`` or ``month``; ``starts_at`` and ``ends_at`` in Unix seconds.
    """

    scope: int
    kind: str
    starts_at: int
    ends_at: int


@dataclass(frozen=True, slots=True)
class Spent:
    """What was spent in a period: messages, and their cost in ten-thousandths."""

    messages: int
    cost: int


class Spending(Protocol):
    """What was spent on messages, by period."""

    async def add(self, periods: Sequence[Period], messages: int, cost: int) -> list[Spent]:
        """Add to periods, which are sorted (less than nothing gives back); returns what is spent
        in each with it. All are locked against rivals until the transaction ends.
        """
        ...

    async def of(self, periods: Sequence[Period]) -> list[Spent]:
        """What was spent in each."""
        ...


class MessageBook(Protocol):
    """Messages as operators read them. What a page costs depends on ``limit``, on the time or on
    the number that is asked for, and never on how many messages there are.
    """

    async def page(self, span: Span, limit: int) -> list[MessageEntry]:
        """The newest messages of a span, newest first."""
        ...

    async def page_of(
        self, masked: str, number_key: bytes, span: Span, limit: int
    ) -> list[MessageEntry]:
        """The same of a number."""
        ...

    async def codes(self, since: int, until: int) -> list[CodeUse]:
        """Codes that gateways took from ``since`` on and before ``until``, as far as they are
        kept, and how many of them were used.
        """
        ...


class Tallies(Protocol):
    """The tallies of limits, by keyed digest."""

    async def load(self, keys: Sequence[bytes]) -> dict[bytes, str]:
        """The tallies of these keys, which are sorted; all are locked against rivals until the
        transaction ends, also those that were never saved.
        """
        ...

    async def recall(self, keys: Sequence[bytes]) -> dict[bytes, str]:
        """The same, where there is nothing to do about a tally that was never saved."""
        ...

    async def save(self, tallies: Mapping[bytes, tuple[str, int]]) -> None:
        """Store loaded tallies: the text (empty to forget), and until when it matters."""
        ...


class Trail(Protocol):
    """The audit trail."""

    async def write(self, event: AuditEvent) -> None:
        """Add a line."""
        ...

    async def adopt(self, member: Member, masked: str, since: int, until: int) -> None:
        """Lines of that time that name a masked number and no member are this member's, if they
        are about the same merchant's members or about merchants' users, as the member is.
        """
        ...


class Journal(Protocol):
    """The audit trail as operators read it. What a page costs depends on ``limit``, on the time
    or on the member that is asked for, and never on how long the trail is.
    """

    async def page(self, span: Span, limit: int) -> list[Entry]:
        """The newest lines of a span, newest first."""
        ...

    async def page_of(self, member_id: int, span: Span, limit: int) -> list[Entry]:
        """The same of a member."""
        ...

    async def after(self, entry_id: int, limit: int) -> list[Entry]:
        """Lines whose id is above ``entry_id``, by id."""
        ...

    async def newest(self) -> int:
        """The highest id; 0 when there is no line."""
        ...


class Upkeep(Protocol):
    """What retention does, a small batch at a time."""

    async def expire_sessions(self, now: int, limit: int) -> int:
        """End live sessions whose refresh life is over; returns how many."""
        ...

    async def drop_sessions(self, ended_before: int, limit: int) -> int:
        """Delete sessions that ended before a time, with their tokens; returns how many."""
        ...

    async def drop_codes(self, expired_before: int, limit: int) -> int:
        """Delete codes that expired before a time; returns how many."""
        ...

    async def drop_tallies(self, expired_before: int, limit: int) -> int:
        """Delete tallies that no limit looks at any more; returns how many."""
        ...

    async def drop_audit(self, before: int, limit: int) -> int:
        """Delete audit events older than a time; returns how many."""
        ...

    async def drop_messages(self, before: int, limit: int) -> int:
        """Delete messages older than a time; returns how many."""
        ...

    async def drop_spending(self, ended_before: int, limit: int) -> int:
        """Delete what was spent in periods that ended before a time; returns how many."""
        ...


class Statements(Protocol):
    """Statements of plugins, by name: ``plugin.name``."""

    async def one(self, name: str, params: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """The first row."""
        ...

    async def all(self, name: str, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """All rows."""
        ...

    async def run(self, name: str, params: Mapping[str, Any]) -> int:
        """The number of rows that matched. Raises Taken, with the statement's name."""
        ...

    async def insert(self, name: str, params: Mapping[str, Any]) -> int:
        """The new row's id. Raises the same."""
        ...


class Transaction(Protocol):
    """The parts of a transaction."""

    @property
    def members(self) -> Members: ...
    @property
    def names(self) -> Names: ...
    @property
    def deletions(self) -> Deletions: ...
    @property
    def merchants(self) -> Merchants: ...
    @property
    def roster(self) -> Roster: ...
    @property
    def sessions(self) -> Sessions: ...
    @property
    def codes(self) -> Codes: ...
    @property
    def messages(self) -> Messages: ...
    @property
    def spending(self) -> Spending: ...
    @property
    def message_book(self) -> MessageBook: ...
    @property
    def tallies(self) -> Tallies: ...
    @property
    def trail(self) -> Trail: ...
    @property
    def journal(self) -> Journal: ...
    @property
    def upkeep(self) -> Upkeep: ...
    @property
    def statements(self) -> Statements: ...


Work = Callable[[Transaction], Awaitable[T]]


class Store(Protocol):
    """The authority for members, sessions, codes and limits.

    Every method raises ``Refusal(Reason.busy)`` when the database cannot answer in time.
    """

    async def write(self, work: Work[T]) -> T:
        """Run ``work`` in one transaction; returns after its commit is durable.

        An exception from ``work`` undoes all of it and comes out here.
        """
        ...

    async def read(self, work: Work[T]) -> T:
        """Run ``work``, which only reads."""
        ...

    async def find_token(self, digest: bytes) -> Found | None:
        """``sessions.find`` at once: never older than what has been committed."""
        ...

    async def has_legacy_hashes(self) -> bool:
        """Whether any member still has an imported (bcrypt) hash."""
        ...

    async def imported_until(self) -> int:
        """Until when tokens that an import brought may be alive, in Unix seconds; 0: never."""
        ...

    async def ready(self) -> bool:
        """Whether reads and writes are answered."""
        ...

    async def close(self) -> None:
        """Finish what is under way, then let go of the database."""
        ...


class Passwords(Protocol):
    """Password hashing, bounded, off the event loop."""

    async def hash(self, password: str) -> str:
        """A PHC string. Raises ``Refusal(Reason.busy)`` when the queue is full."""
        ...

    async def verify(self, password: str, stored: str | None) -> bool:
        """Whether the password fits; None costs the same work and never fits."""
        ...

    def needs_rehash(self, stored: str) -> bool:
        """Whether ``stored`` is not in today's form and cost."""
        ...


class Tokens(Protocol):
    """Derives and recognises tokens; holds the server's key."""

    def derive(self, kind: Kind, nonce: bytes, session_id: int, generation: int) -> str:
        """The token (43 characters base64url) of a session's generation: always the same."""
        ...

    def digest(self, kind: Kind, token: str) -> bytes | None:
        """SHA-256 of a token of that kind; None for garbage, without I/O."""
        ...

    def imported_digest(self, token: str) -> bytes | None:
        """SHA-256 of what has the shape of a token that an import brings, of either kind; None
        for anything else.
        """
        ...

    def new_nonce(self) -> bytes:
        """16 random bytes."""
        ...


class Secrets(Protocol):
    """Keyed digests and codes."""

    def key(self, scope: str, *parts: str | int) -> bytes:
        """A keyed digest (32 bytes) of what must not be stored in clear."""
        ...

    def new_code(self, lowest: int, length: int) -> str:
        """A random code."""
        ...

    def new_salt(self) -> bytes:
        """16 random bytes."""
        ...

    def code_digest(self, salt: bytes, mobile: str, usage: str, code: str) -> bytes:
        """What is stored of a code."""
        ...

    def same(self, left: bytes, right: bytes) -> bool:
        """Comparison in constant time."""
        ...


class Captcha(Protocol):
    """Tells people from machines, where somebody is suspicious."""

    @property
    def life(self) -> int:
        """Seconds a token can be good for: so long it is remembered that one was spent."""
        ...

    def show(self) -> Mapping[str, Detail]:
        """What a client needs to let its user pass; goes to the wire as ``data.captcha``."""
        ...

    async def check(self, token: str, ip: str) -> bytes | None:
        """The digest (32 bytes) under which a good token is spent; None for a bad one.

        Raises ``Refusal(Reason.busy)`` when the service behind it cannot be asked.
        """
        ...


@dataclass(frozen=True, slots=True)
class Accepted:
    """A gateway took a message: its name there, and as how many it is billed."""

    id: str = ""
    parts: int = 1


class GatewayFailed(Exception):
    """A gateway did not send. ``cause``: a provider's error code or an exception's name; it goes
    to log and rows, so it never quotes the message.
    """

    def __init__(self, gateway: str, cause: str, trouble: Trouble) -> None:
        super().__init__(f"{gateway}: {cause}")
        self.gateway = gateway
        self.cause = cause
        self.trouble = trouble


@dataclass(frozen=True, slots=True)
class Sent:
    """The gateway that took a message, and what failed before it."""

    gateway: str
    accepted: Accepted
    failures: Sequence[GatewayFailed] = ()


class SmsNotSent(Exception):
    """No gateway took the message. ``failures``: one for each that was asked, in order."""

    def __init__(self, failures: Sequence[GatewayFailed] = ()) -> None:
        super().__init__("; ".join(map(str, failures)) or "no gateway could be asked")
        self.failures = tuple(failures)

    @property
    def surely(self) -> bool:
        """Whether no message is under way."""
        return all(failure.trouble.surely_not_sent for failure in self.failures)

    @property
    def limited(self) -> bool:
        """Whether a provider's limit is why, so that waiting helps."""
        troubles = [failure.trouble for failure in self.failures]
        limits = {Trouble.throttled, Trouble.number_limit}
        return all(trouble.elsewhere for trouble in troubles) and not limits.isdisjoint(troubles)


class SmsGateway(Protocol):
    """One way to send a message."""

    @property
    def name(self) -> str: ...

    async def send(self, message: SmsMessage) -> Accepted:
        """Send. Raises GatewayFailed."""
        ...


class SmsSender(Protocol):
    """All configured ways, in their order."""

    async def send(self, message: SmsMessage) -> Sent:
        """Send under the deadline. Raises SmsNotSent."""
        ...

    def close(self) -> None:
        """Ask nobody any more."""
        ...


class Meter(Protocol):
    """Counts what operators watch. Never waits, never raises."""

    def sent(self, gateway: str, parts: int) -> None:
        """A gateway took a message, as so many."""
        ...

    def circuits(self, left_alone: Mapping[str, bool]) -> None:
        """Of each gateway, whether it is left alone from now on."""
        ...

    def receipt(self, gateway: str, outcome: str) -> None:
        """A receipt came: ``delivered``, ``undelivered``, or ``stray`` for a message that is
        not known.
        """
        ...


class NoMeter:
    """Fulfils ``Meter`` where nobody watches."""

    def sent(self, gateway: str, parts: int) -> None:
        pass

    def circuits(self, left_alone: Mapping[str, bool]) -> None:
        pass

    def receipt(self, gateway: str, outcome: str) -> None:
        pass
