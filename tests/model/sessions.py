"""Members, their sessions and tokens, as the contract promises them. Nothing of denglu."""

from dataclasses import dataclass, field

from tests.model.limits import DAY

ACCESS_LIFE = 7200
REFRESH_IDLE = 30 * DAY
REFRESH_ABSOLUTE = 90 * DAY
WINDOW = 10
GRACE = 10
KEPT_AFTER_THE_END = 30 * DAY

OK = "OK"


@dataclass
class Pair:
    """The tokens of one generation."""

    access: str = ""
    refresh: str = ""
    # When the refresh token was rotated, and when the pair that it gave was first used.
    rotated_at: int | None = None
    child_used_at: int | None = None


@dataclass
class Member:
    """A member. The ids of members and sessions are told by the server."""

    number: str
    password: str
    is_enabled: bool = True
    visits: int = 0
    id: int = 0
    earlier: list[str] = field(default_factory=list)


@dataclass
class Session:
    """A session of a member in a group."""

    owner: Member
    group: str
    opened_at: int
    id: int = 0
    access_ends: int = 0
    refresh_ends: int = 0
    pairs: list[Pair] = field(default_factory=list)
    ended: str = ""
    ended_at: int = 0
    ran_out_before: bool = False

    def __post_init__(self) -> None:
        self.new_pair(self.opened_at)

    @property
    def current(self) -> int:
        """The number of the newest pair; the first one is 0."""
        return len(self.pairs) - 1

    def new_pair(self, now: int) -> None:
        """What a login and a rotation do to the lives."""
        absolute = self.opened_at + REFRESH_ABSOLUTE
        self.access_ends = min(now + ACCESS_LIFE, absolute)
        self.refresh_ends = min(now + REFRESH_IDLE, absolute)
        self.pairs.append(Pair())

    def is_live(self, now: int) -> bool:
        """Whether any token of it can be good."""
        return not self.ended and now < self.refresh_ends

    def end(self, why: str, now: int) -> None:
        """It ends, for all generations at once; what has ended stays as it is."""
        if not self.ended:
            self.ended, self.ended_at = why, now
            self.ran_out_before = now >= self.refresh_ends

    # What a token is answered. More than one reason: the promises leave it open.

    def access(self, number: int, now: int) -> set[str]:
        """What the access token of a generation is answered."""
        if not self.is_live(now):
            return self._over("token_invalid", "token_expired", now) | self._forgotten(number)
        behind = self.current - number
        if behind >= 2:
            return {"token_expired", "token_invalid"}
        in_flight = behind == 0 or now < (self.pairs[number].rotated_at or 0) + GRACE
        return {OK} if in_flight and now < self.access_ends else {"token_expired"}

    def keeps(self, number: int, now: int) -> bool:
        """Whether a client should keep this access token: good, or just expired."""
        is_current = number == self.current and self.is_live(now)
        return is_current or self.access(number, now) == {OK}

    def use(self, number: int, now: int) -> None:
        """The pair was used."""
        if number and self.pairs[number - 1].child_used_at is None:
            self.pairs[number - 1].child_used_at = now

    def is_marked(self, number: int) -> bool:
        """Whether it is known already that this pair was used: asking again changes nothing."""
        return number == 0 or self.pairs[number - 1].child_used_at is not None

    def refresh(self, number: int, group: str, now: int) -> set[str]:
        """What the refresh token of a generation is answered."""
        if group != self.group or not self.owner.is_enabled:
            return {"refresh_invalid"}
        if not self.is_live(now):
            return self._over("refresh_invalid", "refresh_expired", now)
        return {OK} if self._in_window(number, now) else {"refresh_invalid"}

    def _in_window(self, number: int, now: int) -> bool:
        pair = self.pairs[number]
        if number == self.current or pair.child_used_at is None:
            return True
        return now < max(pair.rotated_at or 0, pair.child_used_at) + WINDOW

    def is_stolen(self, number: int, group: str, now: int) -> bool:
        """Whether somebody shows a refresh token that was used up."""
        known = group == self.group and self.owner.is_enabled and self.is_live(now)
        return known and not self._in_window(number, now)

    def rotate(self, now: int) -> None:
        """The newest refresh token was used."""
        self.use(self.current, now)
        self.pairs[-1].rotated_at = now
        self.new_pair(now)

    def changes_at(self) -> list[int]:
        """When anything that was said here may be said otherwise."""
        used = [at for p in self.pairs for at in (p.rotated_at, p.child_used_at) if at is not None]
        last = [self.refresh_ends, *([self.ended_at] if self.ended else [])]
        return [
            self.access_ends,
            self.refresh_ends,
            *(at + WINDOW for at in used),
            *(at + KEPT_AFTER_THE_END for at in last),
        ]

    def _over(self, unknown: str, expired: str, now: int) -> set[str]:
        why = {"": set(), "replaced": {"session_replaced"}}.get(self.ended, {"session_ended"})
        if not self.ended:
            why = why | {expired}
        elif self.ran_out_before:
            # Nobody promised which of two deeds ends what was over before either.
            why = {"session_ended", "session_replaced", expired}
        last = self.ended_at if self.ended and not self.ran_out_before else self.refresh_ends
        return why | ({unknown} if now >= last + KEPT_AFTER_THE_END else set())

    def _forgotten(self, number: int) -> set[str]:
        return {"token_invalid"} if self.current - number >= 2 else set()
