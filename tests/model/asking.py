"""Asks the server and holds what it says to what the model promised: the base of the machine."""

from typing import ClassVar

from hypothesis import note, reject
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize

from tests.battery.harness import Answer
from tests.model.house import BLUR, House, Stalled
from tests.model.model import Model, Promise
from tests.model.sessions import OK, Member, Session

PEOPLE = ("A", "B")
PLACES = ("home", "cafe")
MERCHANT = "1"
"""The one there is in a house with namesakes."""
Body = dict[str, object]


def at_merchant(mobile: str) -> str:
    """The number of a member of the merchant: to the model it is one like any other."""
    return f"{mobile}@{MERCHANT}"


def split(number: str) -> tuple[str, str]:
    """The mobile itself, and the merchant whose member has it."""
    mobile, _, merchant = number.partition("@")
    return mobile, merchant


class Asking(RuleBasedStateMachine):
    """Two numbers, two addresses, one house. ``namesakes``: the two are one mobile, of a member
    of the site and of one of a merchant.
    """

    house: ClassVar[House]
    namesakes: ClassVar[bool] = False
    # One example in so many sees the server restarted, killed, or without its Redis.
    trouble_in: ClassVar[int] = 30

    def __init__(self) -> None:
        super().__init__()
        self.house.begin()
        self.model = Model(self.house.now)
        self.number = {who: self.house.fresh_number() for who in PEOPLE}
        if self.namesakes:
            self.number["B"] = at_merchant(self.number["A"])
        self.address = {place: self.house.fresh_address() for place in PLACES}
        # Everybody who was ever a member, and every code that was ever sent.
        self.everybody: list[Member] = []
        self.codes: list[str] = []
        # By number: when a code was sent, and when a wrong one was compared.
        self.sent: dict[str, list[int]] = {number: [] for number in self.number.values()}
        self.guessed: dict[str, list[int]] = {number: [] for number in self.number.values()}
        self.troubles_left = 0
        self.house.new_messages()
        self.house.new_events()

    @initialize(dice=st.integers(0, 10**6))
    def decide_on_trouble(self, dice: int) -> None:
        """Restarts take long: few examples have one."""
        self.troubles_left = int(dice % self.trouble_in == self.trouble_in - 1)

    def name(self, session: Session) -> str:
        """The session, in words."""
        who = next(w for w, number in self.number.items() if number == session.owner.number)
        return f"{who}'s session {self.model.sessions.index(session) + 1} in {session.group}"

    def wait(self, seconds: int, why: str = "") -> None:
        """Move the clock on: by so many seconds, or a little more."""
        before = self.model.now
        self.house.now = self.model.now = self.model.settled(before + seconds, BLUR)
        if self.model.now != before:
            note(f"{self.model.now - before} seconds later{f' ({why})' if why else ''}:")

    def post(
        self,
        name: str,
        body: Body,
        place: str,
        promise: Promise,
        what: str,
        *,
        token: str | None = None,
    ) -> str:
        """POST /v1/NAME, which may give tokens; returns what was said: OK or the reason."""
        answer = self.ask("POST", f"/v1/{name}", body, place, promise, what, token=token)
        if answer.code == 200 and promise.session is not None:
            self._keep(answer, promise, promise.session)
        return OK if answer.code == 200 else str(answer.reason)

    def ask(
        self,
        method: str,
        path: str,
        body: Body | None,
        place: str,
        promise: Promise,
        what: str,
        *,
        token: str | None = None,
    ) -> Answer:
        """One request that was promised an answer."""
        answer = self.send(method, path, body, place, token=token)
        said = OK if answer.code == 200 else str(answer.reason)
        note(f"{what}, from {place}: {said}")
        promised = " or ".join(sorted(promise.reasons))
        assert said in promise.reasons, f"{what}: {said}, and {promised} was promised"
        if promise.wait:
            waits = answer.data["retry_after"]
            assert abs(waits - promise.wait) <= 2 * BLUR, f"{what}: {waits}, not {promise.wait}"
        return answer

    def send(
        self, method: str, path: str, body: Body | None, place: str, *, token: str | None = None
    ) -> Answer:
        """One request, whatever the answer."""
        named = [name for name in ("mobile", "username") if body and name in body]
        merchant = ""
        for name in named:
            mobile, merchant = split(str((body or {})[name]))
            body = {**(body or {}), name: mobile}
        address = self.address[place]
        try:
            return self.house.ask(
                method, path, body, token=token, address=address, merchant=merchant
            )
        except Stalled:
            reject()

    def command(self, *words: str) -> None:
        """A command of the operator."""
        try:
            self.house.command(*words)
        except Stalled:
            reject()

    def is_kept(self, session: Session, number: int) -> bool:
        """What verify-access-token says about the access token of a generation."""
        body: Body = {"token": session.pairs[number].access}
        answer = self.send("POST", "/v1/site/verify-access-token", body, "home")
        assert answer.code == 200, answer.text
        return bool(answer.data["token"])

    def hold_member(self, answer: Answer, owner: Member) -> None:
        """The member object is the owner's."""
        shown = answer.data.get("member", answer.data)
        known = shown["id"], shown["mobile"], shown["visit_count"]
        assert known == (owner.id, split(owner.number)[0], owner.visits), known

    def _keep(self, answer: Answer, promise: Promise, session: Session) -> None:
        data, pair, owner = answer.data, session.pairs[-1], session.owner
        told = data["access_token"], data["refresh_token"]
        if promise.repeats:
            assert told == (pair.access, pair.refresh), "not the pair that was given before"
        else:
            pair.access, pair.refresh = told
        left = max(0, session.access_ends - self.model.now)
        assert abs(int(data["expiration_time"]) - left) <= BLUR, data["expiration_time"]
        if not owner.id:
            owner.id = data["member"]["id"]
            self.everybody.append(owner)
        session.id = session.id or self.house.newest_session(owner.id)
        self.hold_member(answer, owner)
