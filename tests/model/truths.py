"""What must be true after every step, whatever it was."""

import sys
from collections.abc import Sequence

from hypothesis.stateful import invariant

from tests.model.asking import Asking, Body, split
from tests.model.limits import DAY, HOUR, MINUTE
from tests.model.sessions import OK, Session

# So many dead tokens are asked about after every step, each time others.
_DEAD = 4


class Truths(Asking):
    """The invariants."""

    turn = 0
    # What became of each session, as it was after the step before.
    states: Sequence[tuple[int, str]] = ()

    @invariant()
    def one_live_session_for_a_member_and_group(self) -> None:
        """In the database, and the one that was promised."""
        if not self.everybody:
            return
        now, marks = self.model.now, ", ".join("?" * len(self.everybody))
        found = self.house.rows(
            "SELECT member_id, client_group, count(*) FROM session WHERE ended_at IS NULL "
            f"AND refresh_expires_at > ? AND member_id IN ({marks}) "
            "GROUP BY member_id, client_group",
            now,
            *(member.id for member in self.everybody),
        )
        stored = sorted((int(member), str(group), int(many)) for member, group, many in found)
        live = [each for each in self.model.sessions if each.is_live(now)]
        promised = sorted((each.owner.id, each.group, 1) for each in live)
        assert stored == promised, f"{stored} are live, {promised} was promised"

    @invariant()
    def one_member_for_a_number(self) -> None:
        """Or none, where nobody has registered."""
        found = self.house.rows(
            "SELECT mobile_key, merchant_id, count(*) FROM member WHERE mobile_key IN (?, ?) "
            "GROUP BY mobile_key, merchant_id",
            *(split(number)[0] for number in self.number.values()),
        )
        members = [split(number) for number in self.model.members]
        promised = sorted((mobile, int(merchant or 0), 1) for mobile, merchant in members)
        assert sorted(map(tuple, found)) == promised, f"{found}, and {promised} was promised"

    @invariant()
    def a_token_works_as_promised(self) -> None:
        """All good ones that it does not change to ask about, and some of the others."""
        if (states := [(each.current, each.ended) for each in self.model.sessions]) != self.states:
            self.states = states
            self.house.let_it_be_known()
        now, dead = self.model.now, list[tuple[Session, int]]()
        for session in self.model.sessions:
            for number in range(len(session.pairs)):
                if not session.keeps(number, now):
                    dead.append((session, number))
                elif session.is_marked(number) or session.access(number, now) != {OK}:
                    self.hold_token(session, number)
        self.turn += 1
        for step in range(min(_DEAD, len(dead))):
            self.hold_token(*dead[(self.turn * _DEAD + step) % len(dead)])
        if dead:
            self._hold_dead_refresh(*dead[self.turn % len(dead)])

    @invariant()
    def at_most_20_guesses_a_day(self) -> None:
        """Wrong codes that were compared, whatever the code, its usage, and who typed it."""
        for number, times in self.guessed.items():
            assert most_within(times, HOUR) <= 10, f"{number}: 10 an hour are promised"
            assert most_within(times, DAY) <= 20, f"{number}: 20 a day are promised"

    @invariant()
    def messages_keep_to_all_windows(self) -> None:
        """By the times that the messages bear."""
        for number, times in self.sent.items():
            for count, seconds in ((1, MINUTE), (5, HOUR), (10, DAY)):
                most = most_within(times, seconds)
                assert most <= count, f"{number}: {most} in {seconds} s, {count} are promised"

    @invariant()
    def no_secret_is_in_the_log(self) -> None:
        """No password, no token, no code."""
        leaks = self.house.leaks(self.codes)
        assert not leaks, f"secrets in the log, against promise: {leaks}"

    def teardown(self) -> None:
        """At the end every token is asked about."""
        if sys.exc_info()[0] is None:
            for session in self.model.sessions:
                for number in range(len(session.pairs)):
                    self.hold_token(session, number)

    def hold_token(self, session: Session, number: int) -> None:
        """What verify-access-token says about a token is what was promised."""
        promised = self.model.keeps(session, number)
        found = self.is_kept(session, number)
        what = f"{self.name(session)}: access token {number + 1} of {len(session.pairs)}"
        assert found == promised, f"{what} is {'good' if found else 'dead'} against promise"

    def _hold_dead_refresh(self, session: Session, number: int) -> None:
        """Of a session that is over, where there is nothing that a refresh could do to it."""
        if session.is_live(self.model.now):
            return
        promise = self.model.refresh(session, number, session.group)
        body: Body = {"refresh_token": session.pairs[number].refresh, "group": session.group}
        answer = self.send("POST", "/v1/site/refresh", body, "home")
        said, promised = answer.reason, " or ".join(sorted(promise.reasons))
        what = f"{self.name(session)}: refresh with token {number + 1}"
        assert said in promise.reasons, f"{what}: {said}, and {promised} was promised"


def most_within(times: Sequence[int], seconds: int) -> int:
    """The most that ever lay within so many seconds."""
    return max((sum(at <= each < at + seconds for each in times) for at in times), default=0)
