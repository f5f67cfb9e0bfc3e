"""What people, thieves, operators and machines do, in any order."""

from typing import Any

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleStrategy, initialize, precondition, rule

from tests.model.asking import PEOPLE, PLACES, Body, split
from tests.model.house import BLUR, MARK
from tests.model.limits import DAY, HOUR, MINUTE
from tests.model.model import GROUPS, USAGES, Promise
from tests.model.sessions import Session
from tests.model.truths import Truths

PASSWORDS = {word: f"{MARK}-{word}" for word in ("first", "second", "third", "wrong")}
GENERATIONS = ("current", "parent", "grandparent")
_MOSTLY_CURRENT = ("current", "current", "current", "parent", "parent", "grandparent")
# Rather looks at a member than ends everything.
DEEDS = (*["show"] * 4, *["disable"] * 2, *["enable"] * 4, "delete")
LEAPS = {
    "a moment": 4,
    "a quarter of a minute": 15,
    "a minute": MINUTE + 3,
    "five minutes": 5 * MINUTE + 3,
    "a quarter of an hour": 15 * MINUTE + 3,
    "an hour": HOUR + 3,
    "two hours": 2 * HOUR + 3,
    "a day": DAY + 3,
    "a month": 30 * DAY + 3,
}
_PATHS = {"login": "mobile-login", "register": "register", "up-pwd": "up-pwd"}

# The more often the same ones meet, the more there is to see.
people, places = st.sampled_from((*PEOPLE, "A")), st.sampled_from((*PLACES, "home"))
groups, usages = st.sampled_from((*GROUPS, "pc")), st.sampled_from(USAGES)
passwords = st.sampled_from(("first", "second", "third"))
generations = st.sampled_from(_MOSTLY_CURRENT)
seldom = st.sampled_from((False, False, False, False, True))
asks = st.sampled_from((True, True, False))
how_often = st.sampled_from((1, 5, 5))
# Rather short ones: a month is the end of nearly everything.
_SHORT = ("a moment", "a quarter of a minute", "a minute", "an hour")
leaps = st.sampled_from((*_SHORT, *LEAPS, "just before", "just after", "just after"))
picks = st.sampled_from((0, 0, 0, 1, 2, 3))


class _AnyRule(RuleStrategy):
    """All rules at any time, where Hypothesis would leave half of them out of an example: what
    is wanted here needs many of them together.
    """

    def _rule_is_enabled(self, each: Any) -> bool:
        return self.is_valid(each)


class Machine(Truths):
    """Days, months or years in the life of two numbers. A subclass names the house."""

    machine_is_behind = False

    def __init__(self) -> None:
        super().__init__()
        self._rules_strategy = _AnyRule(self)

    @initialize(members=st.sampled_from(("A", "AB", "", "A")))
    def begin(self, members: str) -> None:
        """Most stories begin with a member."""
        for who in members:
            self._have_code(who, "register", "home", asks=True)
            self._use_code(who, "register", "the right code", "pc", "first", "home")

    # Codes

    @rule(who=people, usage=usages, place=places, patient=st.booleans())
    def send_code(self, who: str, usage: str, place: str, patient: bool) -> None:
        """``patient``: the minute after the code before is over."""
        if patient:
            self._wait_for_a_code(who)
        self._ask_for_code(who, usage, place)

    def _wait_for_a_code(self, who: str) -> None:
        self.wait(self.model.cooldown[self.number[who]].wait(self.model.now))

    def _ask_for_code(self, who: str, usage: str, place: str) -> None:
        number = self.number[who]
        promise = self.model.send_code(number, self.address[place])
        body: Body = {"mobile": number, "usage": usage}
        said = self.post(
            "site/sms-code", body, place, promise, f"{who} asks for a code for {usage}"
        )
        messages = self.house.new_messages()
        told = [(message["mobile"], message["usage"]) for message in messages]
        sent = [(split(number)[0], usage)] if said == "OK" else []
        assert told == sent, f"sent against promise: {told}"
        for message in messages:
            assert abs(message["sent_at"] - self.model.now) <= BLUR, message["sent_at"]
            self.codes.append(message["code"])
            self.sent[number].append(message["sent_at"])
            self.model.code_arrived(number, usage, message["code"])

    @rule(
        who=people,
        way=st.sampled_from(("login", "login", "register", "up-pwd")),
        group=groups,
        password=passwords,
        place=places,
        asks=asks,
    )
    def use_code(
        self, who: str, way: str, group: str, password: str, place: str, asks: bool
    ) -> None:
        """Register, log in or get a new password; ``asks``: for a code where there is none."""
        self._have_code(who, way, place, asks)
        self._use_code(who, way, "the right code", group, password, place)

    def _have_code(self, who: str, usage: str, place: str, asks: bool) -> None:
        if asks and not self.model.has_code(self.number[who], usage):
            self._wait_for_a_code(who)
            self._ask_for_code(who, usage, place)

    @rule(
        who=people,
        usage=usages,
        what=st.sampled_from(("a wrong code", "an old code", "the code for something else")),
        place=places,
        times=how_often,
        asks=asks,
    )
    def guess(self, who: str, usage: str, what: str, place: str, times: int, asks: bool) -> None:
        """Once, or a few times; ``asks``: there is a code to be guessed."""
        self._have_code(who, usage, place, asks)
        for _ in range(times):
            self._use_code(who, usage, what, "pc", "first", place)

    def _use_code(
        self, who: str, usage: str, what: str, group: str, password: str, place: str
    ) -> None:
        number, before = self.number[who], self.model.compared
        text, secret = self._code(number, usage, what), PASSWORDS.get(password, "")
        promise = self._promise(usage, number, text, group, secret, self.address[place])
        body: Body = {"mobile": number, "code": text, "group": group}
        if usage != "login":
            body |= {"password": secret, "password_repetition": secret}
        if usage == "register":
            body["nickname"] = "月光"
        path = _PATHS[usage]
        said = self.post(
            f"site/{path}", body, place, promise, f"{who}: {path} in {group} with {what}"
        )
        compared = self.house.new_events().count("sms_code_compared")
        assert compared == self.model.compared - before, f"{compared} compared against promise"
        if said == "bad_code":
            self.guessed[number] += [self.model.now] * compared

    def _promise(
        self, usage: str, number: str, text: str, group: str, password: str, address: str
    ) -> Promise:
        if usage == "login":
            return self.model.mobile_login(number, text, group, address)
        if usage == "register":
            return self.model.register(number, text, group, password, address)
        return self.model.reset_password(number, text, group, password, address)

    def _code(self, number: str, usage: str, what: str) -> str:
        codes = {u: code.text for (n, u), code in self.model.codes.items() if n == number}
        right = codes.pop(usage, "271828")
        known = {
            "the right code": [right],
            "an old code": self.model.dead_codes[number],
            "the code for something else": list(codes.values()),
        }.get(what)
        return known[-1] if known else f"{(int(right) + 1) % 10**6:06d}"

    # Passwords

    @rule(
        who=people,
        what=st.sampled_from(("right", "right", "wrong", "earlier")),
        group=groups,
        place=places,
        times=how_often,
    )
    def login(self, who: str, what: str, group: str, place: str, times: int) -> None:
        """Once with the right password; or with a wrong one, or the one before, a few times."""
        member = self.model.members.get(self.number[who])
        known = {"right": [member.password], "earlier": member.earlier} if member else {}
        password = [PASSWORDS["wrong"], *known.get(what, [])][-1]
        for _ in range(1 if what == "right" else times):
            self._log_in(who, password, group, place)

    def _log_in(self, who: str, password: str, group: str, place: str) -> None:
        number = self.number[who]
        if self.model.is_sure_about(number):
            promise = self.model.login(number, password, group, self.address[place])
            body: Body = {"username": number, "password": password, "group": group}
            word = next(word for word, text in PASSWORDS.items() if text == password)
            what = f"{who}: login in {group} with the {word} password"
            self.post("site/login", body, place, promise, what)

    # Sessions

    @precondition(lambda self: self.model.sessions)
    @rule(pick=picks, which=generations, place=places, late=st.booleans(), strays=seldom)
    def refresh(self, pick: int, which: str, place: str, late: bool, strays: bool) -> None:
        """With any refresh token; ``late``: a while after; ``strays``: in another group."""
        if late:
            self.wait(LEAPS["a quarter of a minute"])
        session, number = self._picked(pick, which)
        group = GROUPS[GROUPS.index(session.group) - strays]
        promise = self.model.refresh(session, number, group)
        body: Body = {"refresh_token": session.pairs[number].refresh, "group": group}
        what = f"{self.name(session)}: refresh with the {which} token for {group}"
        self.post("site/refresh", body, place, promise, what)

    @precondition(lambda self: self.model.sessions)
    @rule(pick=picks, place=places)
    def app_opens(self, pick: int, place: str) -> None:
        """It refreshes, and uses what it got."""
        self.refresh(pick, "current", place, late=False, strays=False)
        self.who_am_i(pick, "current", place)

    @precondition(lambda self: self.model.sessions)
    @rule(pick=picks, which=generations, place=places)
    def who_am_i(self, pick: int, which: str, place: str) -> None:
        """The member's own page: a pair is used."""
        session, number = self._picked(pick, which)
        promise = self.model.ask(session, number)
        what = f"{self.name(session)}: who am I, with the {which} token"
        token, path = session.pairs[number].access, "/v1/member/member/index"
        answer = self.ask("GET", path, None, place, promise, what, token=token)
        if answer.code == 200:
            self.hold_member(answer, session.owner)

    @precondition(lambda self: self.model.sessions)
    @rule(pick=picks, which=generations, place=places, sure=seldom)
    def logout(self, pick: int, which: str, place: str, sure: bool) -> None:
        """With whatever access token is at hand; not ``sure``: asks whether to keep it."""
        session, number = self._picked(pick, which)
        if not sure:
            self.hold_token(session, number)
            return
        promise = self.model.logout(session, number)
        what = f"{self.name(session)}: logout with the {which} token"
        token = session.pairs[number].access
        self.ask("POST", "/v1/site/logout", {}, place, promise, what, token=token)

    # A member's own account

    @precondition(lambda self: self.model.sessions)
    @rule(pick=picks, which=generations, place=places)
    def list_sessions(self, pick: int, which: str, place: str) -> None:
        """Where am I logged in?"""
        session, number = self._picked(pick, which)
        promise = self.model.ask(session, number)
        what = f"{self.name(session)}: which sessions are there"
        token = session.pairs[number].access
        answer = self.ask("GET", "/v1/member/session", None, place, promise, what, token=token)
        if answer.code == 200:
            told = [(each["id"], each["group"], each["current"]) for each in answer.data]
            seen = self.model.sessions_seen_by(session)
            assert told[0] == (session.id, session.group, True), told
            assert sorted(told) == sorted((s.id, s.group, s is session) for s in seen), told

    @precondition(lambda self: self.model.sessions)
    @rule(pick=picks, which=generations, place=places, other=st.integers(0, 5))
    def end_session(self, pick: int, which: str, place: str, other: int) -> None:
        """One of all that there ever were; the last of the choices: all others."""
        session, number = self._picked(pick, which)
        token, known = session.pairs[number].access, self.model.sessions
        if other == 5:
            promise = self.model.end_others(session, number)
            what, path = f"{self.name(session)}: end all others", "/v1/member/session/others"
        else:
            chosen = known[-1 - other % len(known)]
            promise = self.model.end_session(session, number, chosen)
            what = f"{self.name(session)}: end {self.name(chosen)}"
            path = f"/v1/member/session/{chosen.id}"
        self.ask("DELETE", path, None, place, promise, what, token=token)

    @precondition(lambda self: self.model.sessions)
    @rule(pick=picks, which=generations, right=st.booleans(), password=passwords, place=places)
    def change_password(
        self, pick: int, which: str, right: bool, password: str, place: str
    ) -> None:
        """With the old password, or a wrong one."""
        session, number = self._picked(pick, which)
        owner, new = session.owner, PASSWORDS[password]
        if owner.password == new or not self.model.is_sure_about(owner.number):
            return
        old = owner.password if right else PASSWORDS["wrong"]
        address = self.address[place]
        promise = self.model.change_password(session, number, old, new, address)
        body: Body = {"old_password": old, "password": new, "password_repetition": new}
        what = f"{self.name(session)}: from the {'right' if right else 'wrong'} to another password"
        token = session.pairs[number].access
        self.post("member/password", body, place, promise, what, token=token)

    def _picked(self, pick: int, which: str) -> tuple[Session, int]:
        # Live ones first, each the newest first: most stories are theirs.
        newest = self.model.sessions[::-1]
        ordered = sorted(newest, key=lambda each: not each.is_live(self.model.now))
        session = ordered[pick % len(ordered)]
        return session, max(0, session.current - GENERATIONS.index(which))

    # Operators

    @precondition(lambda self: self.model.members)
    @rule(who=people, deed=st.sampled_from(DEEDS))
    def operate(self, who: str, deed: str) -> None:
        """A command beside the server."""
        number = self.number[who]
        if number in self.model.members:
            note(f"the operator: denglu member {deed} {who}")
            mobile, merchant = split(number)
            sure = ["--yes"] if deed == "delete" else []
            self.command("member", deed, mobile, "--merchant", merchant or "0", *sure)
            if deed != "show":
                getattr(self.model, deed)(number)

    # Time and trouble

    @rule(leap=leaps, pick=st.integers(0, 9))
    def advance_clock(self, leap: str, pick: int) -> None:
        """From a moment to a month, or to where something is about to end or has just ended."""
        ends = self.model.next_ends(BLUR)
        if leap in LEAPS:
            self.wait(LEAPS[leap], leap)
        elif ends:
            end = ends[pick % len(ends)]
            at = end - BLUR - 1 if leap == "just before" else end + BLUR
            self.wait(at - self.model.now, f"{leap} something ends")

    @rule(back=st.booleans(), hours=st.integers(1, 30))
    def set_machine_clock(self, back: bool, hours: int) -> None:
        """Some hours back, or right again: members do not notice."""
        if back != self.machine_is_behind:
            note(f"the machine's clock is set {f'{hours} h back' if back else 'right'}")
            self.house.set_machine_clock_back(hours * HOUR if back else 0)
            self.machine_is_behind = back

    # A process that starts believes the machine's clock: only while that is right.

    @precondition(lambda self: self.troubles_left and not self.machine_is_behind)
    @rule(kind=st.sampled_from(("restart", "crash", "drop_redis")))
    def trouble(self, kind: str) -> None:
        """Nothing is forgotten that was answered."""
        self.troubles_left -= 1
        note(f"trouble: {kind}")
        getattr(self.house, kind)()
