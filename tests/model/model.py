"""What members are promised, in plain words: the second opinion that the server is held to.

Written from the contract and the defaults; it imports nothing of denglu. Every method does to
the model what the server shall do, and returns what the server shall answer.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from tests.model.limits import DAY, HOUR, MINUTE, Budget, Lock
from tests.model.sessions import OK, Member, Session

CODE_LIFE = 5 * MINUTE
TRIES_OF_A_CODE = 5
GROUPS = ("pc", "iOS", "h5")
USAGES = ("login", "register", "up-pwd")


@dataclass
class Promise:
    """What the server shall answer: OK or one of these reasons, and how long to wait.

    ``session``: whose pair comes back; ``repeats``: it is the pair that was given before.
    """

    reasons: set[str]
    wait: int = 0
    session: Session | None = None
    repeats: bool = False


@dataclass
class Code:
    """A code that was sent."""

    text: str
    sent_at: int
    tries: int = 0


def _new_cooldown() -> Budget:
    return Budget([(1, MINUTE)])


def _new_number_messages() -> Budget:
    return Budget([(5, HOUR), (10, DAY)])


def _new_address_messages() -> Budget:
    return Budget([(10, 10 * MINUTE), (30, HOUR), (100, DAY)])


def _new_number_guesses() -> Budget:
    return Budget([(10, HOUR), (20, DAY)])


def _new_address_failures() -> Budget:
    return Budget([(30, 5 * MINUTE), (200, HOUR)])


def _new_account_lock() -> Lock:
    return Lock(10, 15 * MINUTE, [15 * MINUTE, 30 * MINUTE, 60 * MINUTE])


def _new_account_address_lock() -> Lock:
    return Lock(5, 15 * MINUTE, [15 * MINUTE])


@dataclass
class Model:
    """Everything that is known about the people of one example."""

    now: int
    members: dict[str, Member] = field(default_factory=dict)
    sessions: list[Session] = field(default_factory=list)
    codes: dict[tuple[str, str], Code] = field(default_factory=dict)
    # Codes that are good for nothing any more, by number.
    dead_codes: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    # How many codes were compared with what somebody typed.
    compared: int = 0
    # When something about the promises changes: nobody asks just then.
    ends: set[int] = field(default_factory=set)

    cooldown: dict[str, Budget] = field(default_factory=lambda: defaultdict(_new_cooldown))
    number_messages: dict[str, Budget] = field(
        default_factory=lambda: defaultdict(_new_number_messages)
    )
    address_messages: dict[str, Budget] = field(
        default_factory=lambda: defaultdict(_new_address_messages)
    )
    number_guesses: dict[str, Budget] = field(
        default_factory=lambda: defaultdict(_new_number_guesses)
    )
    address_guesses: dict[str, Budget] = field(
        default_factory=lambda: defaultdict(_new_address_failures)
    )
    address_logins: dict[str, Budget] = field(
        default_factory=lambda: defaultdict(_new_address_failures)
    )
    account: dict[str, Lock] = field(default_factory=lambda: defaultdict(_new_account_lock))
    account_address: dict[tuple[str, str], Lock] = field(
        default_factory=lambda: defaultdict(_new_account_address_lock)
    )

    # Codes

    def send_code(self, number: str, address: str) -> Promise:
        """One message a minute, five an hour, ten a day; an address has a budget, too."""
        budgets = [
            self.cooldown[number],
            self.number_messages[number],
            self.address_messages[address],
        ]
        if wait := max(budget.wait(self.now) for budget in budgets):
            return Promise({"sms_too_frequent"}, wait)
        for budget in budgets:
            self.ends.update(budget.count(self.now))
        return Promise({OK})

    def code_arrived(self, number: str, usage: str, text: str) -> None:
        """The newest code of a number and usage is the only good one."""
        if (number, usage) in self.codes:
            self._spend(number, usage)
        self.codes[number, usage] = Code(text, self.now)
        self.ends.add(self.now + CODE_LIFE)

    def has_code(self, number: str, usage: str) -> bool:
        """Whether there is a code that may be used."""
        code = self.codes.get((number, usage))
        if code is None or code.tries >= TRIES_OF_A_CODE:
            return False
        return self.now < code.sent_at + CODE_LIFE

    def _spend(self, number: str, usage: str) -> None:
        self.dead_codes[number].append(self.codes.pop((number, usage)).text)

    def _judge(self, number: str, usage: str, text: str, address: str) -> Promise | None:
        """Why a code is not good; None: it is."""
        if not self.has_code(number, usage):
            return Promise({"bad_code"})
        if wait := self.address_guesses[address].wait(self.now):
            return Promise({"too_many_attempts"}, wait)
        if self.number_guesses[number].wait(self.now):
            return Promise({"bad_code"})
        self.compared += 1
        code = self.codes[number, usage]
        if text == code.text:
            return None
        code.tries += 1
        for budget in (self.address_guesses[address], self.number_guesses[number]):
            self.ends.update(budget.count(self.now))
        return Promise({"bad_code"})

    # Ways in

    def register(self, number: str, text: str, group: str, password: str, address: str) -> Promise:
        """Only a right code tells that a number is taken, and that does not use it up."""
        if refused := self._judge(number, "register", text, address):
            return refused
        if number in self.members:
            return Promise({"mobile_taken"})
        self._spend(number, "register")
        self.members[number] = Member(number, password)
        return self._open(self.members[number], group)

    def mobile_login(self, number: str, text: str, group: str, address: str) -> Promise:
        """A right code opens a session, if there is an enabled member with this number."""
        if refused := self._judge(number, "login", text, address):
            return refused
        member = self.members.get(number)
        if member is None or not member.is_enabled:
            return Promise({"member_not_found"})
        self._spend(number, "login")
        return self._open(member, group)

    def reset_password(
        self, number: str, text: str, group: str, password: str, address: str
    ) -> Promise:
        """A right code ends every session everywhere, and opens passwords again."""
        if refused := self._judge(number, "up-pwd", text, address):
            return refused
        member = self.members.get(number)
        if member is None or not member.is_enabled:
            return Promise({"member_not_found"})
        self._spend(number, "up-pwd")
        member.earlier.append(member.password)
        member.password = password
        self.account[number].clear()
        self.account_address[number, address].clear()
        self._end_all(member, "password_changed")
        return self._open(member, group)

    def login(self, number: str, password: str, group: str, address: str) -> Promise:
        """Wrong, unknown, disabled: one answer, and it is counted; a success forgives."""
        refused = self._compare(number, password, address, "bad_credentials")
        return refused or self._open(self.members[number], group)

    def _compare(self, number: str, password: str, address: str, wrong: str) -> Promise | None:
        """Why a password is not good; None: it is."""
        locks = [self.account[number], self.account_address[number, address]]
        budget = self.address_logins[address]
        if wait := max(budget.wait(self.now), *(lock.wait(self.now) for lock in locks)):
            return Promise({"too_many_attempts"}, wait)
        member = self.members.get(number)
        if member is None or not member.is_enabled or member.password != password:
            for lock in locks:
                self.ends.update(lock.fail(self.now))
            self.ends.update(budget.count(self.now))
            return Promise({wrong})
        for lock in locks:
            lock.clear()
        return None

    def is_sure_about(self, number: str) -> bool:
        """Whether the promises say what a login will be answered."""
        return self.account[number].is_sure(self.now)

    def _open(self, member: Member, group: str) -> Promise:
        """One live session for a member and group: the next login ends the one before."""
        for old in self._sessions_of(member):
            if old.group == group:
                self._end(old, "replaced")
        member.visits += 1
        session = Session(member, group, self.now)
        self.sessions.append(session)
        self._note_ends(session)
        return Promise({OK}, session=session)

    def _sessions_of(self, member: Member) -> list[Session]:
        return [each for each in self.sessions if each.owner is member and not each.ended]

    def _end_all(self, member: Member, why: str) -> None:
        for session in self._sessions_of(member):
            self._end(session, why)

    def _end(self, session: Session, why: str) -> None:
        session.end(why, self.now)
        self._note_ends(session)

    def _note_ends(self, session: Session) -> None:
        self.ends.update(session.changes_at())

    # Sessions

    def ask(self, session: Session, number: int) -> Promise:
        """Who am I? A good access token tells; to be used is known of a pair."""
        reasons = session.access(number, self.now)
        if OK in reasons:
            self._use(session, number)
        return Promise(reasons, session=session)

    def keeps(self, session: Session, number: int) -> bool:
        """verify-access-token; a good token is used by it."""
        if session.access(number, self.now) == {OK}:
            self._use(session, number)
        return session.keeps(number, self.now)

    def _use(self, session: Session, number: int) -> None:
        session.use(number, self.now)
        self._note_ends(session)

    def refresh(self, session: Session, number: int, group: str) -> Promise:
        """The newest token rotates; an older one gives the current pair, in time, or is theft."""
        reasons = session.refresh(number, group, self.now)
        if reasons != {OK}:
            if session.is_stolen(number, group, self.now):
                self._end(session, "reused")
            return Promise(reasons)
        repeats = number != session.current
        if not repeats:
            session.rotate(self.now)
        self._note_ends(session)
        return Promise({OK}, session=session, repeats=repeats)

    def logout(self, session: Session, number: int) -> Promise:
        """Ends the session in all its generations; a token that has just expired will do."""
        if not session.keeps(number, self.now):
            return Promise(session.access(number, self.now))
        self._end(session, "logged_out")
        return Promise({OK})

    # What members do about their own account: only with a good access token

    def sessions_seen_by(self, session: Session) -> list[Session]:
        """Where the member is logged in: the session that asks first."""
        live = [each for each in self._sessions_of(session.owner) if each.is_live(self.now)]
        return sorted(live, key=lambda each: each is not session)

    def end_session(self, session: Session, number: int, other: Session) -> Promise:
        """One of their own; what is over, or somebody else's, is not found."""
        asked = self.ask(session, number)
        if asked.reasons != {OK}:
            return asked
        if other not in self.sessions_seen_by(session):
            return Promise({"not_found"})
        self._end(other, "logged_out" if other is session else "revoked")
        return Promise({OK})

    def end_others(self, session: Session, number: int) -> Promise:
        """All but their own."""
        asked = self.ask(session, number)
        if asked.reasons == {OK}:
            self._end_others(session, "revoked")
        return Promise(asked.reasons)

    def change_password(
        self, session: Session, number: int, old: str, new: str, address: str
    ) -> Promise:
        """A wrong old one is a failed login; a success ends every session and opens a new one."""
        asked, owner = self.ask(session, number), session.owner
        if asked.reasons != {OK}:
            return Promise(asked.reasons)
        if refused := self._compare(owner.number, old, address, "wrong_password"):
            return refused
        owner.earlier.append(owner.password)
        owner.password = new
        self._end_all(owner, "password_changed")
        return self._open(owner, session.group)

    def _end_others(self, session: Session, why: str) -> None:
        for other in self._sessions_of(session.owner):
            if other is not session:
                self._end(other, why)

    # Operators

    def disable(self, number: str) -> None:
        """Every session ends."""
        member = self.members[number]
        member.is_enabled = False
        self._end_all(member, "disabled")

    def enable(self, number: str) -> None:
        """The member must log in anew."""
        self.members[number].is_enabled = True

    def delete(self, number: str) -> None:
        """Every session ends; the number is free for somebody else."""
        self.disable(number)
        del self.members[number]

    # Time

    def settled(self, at: int, blur: int) -> int:
        """The first second from ``at`` on at which nothing changes, give or take the blur."""
        for end in sorted(self.ends):
            if end - blur <= at < end + blur:
                at = end + blur
        return at

    def next_ends(self, blur: int) -> list[int]:
        """The next few times at which something changes."""
        return sorted(end for end in self.ends if end > self.now + 2 * blur)[:10]
