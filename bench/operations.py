"""The plain operations: token checks, logins, refreshes. Each takes its rounds with everybody in
turn, and with the ceiling that belongs to it.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

from bench import ceilings
from bench.contenders import MEMBERS, Contender, Renewing
from bench.figures import BARE, BARE_INSIDE, HASH, STATEMENTS
from bench.load import Measured, Request, chained, repeated
from bench.ours import Denglu
from bench.raw_refresh import refreshes
from bench.run import Measures, Run

LOGINS, CHECKS = 16, 32
"""Connections."""
_LONG = 5


def checks(run: Run, ours: Sequence[Denglu], peers: Sequence[Contender]) -> None:
    """Is this token good? Of denglu also its other question for that."""
    requests = {each.name: each.check(run.port(each)) for each in ours}
    answer = ceilings.answer_to(requests[ours[0].name])
    with ExitStack() as stack:
        for name, kind in ((BARE, "plain"), (BARE_INSIDE, "inside")):
            bare = stack.enter_context(ceilings.bare_server(answer, run.folder, kind=kind))
            requests[name] = Request(bare, good=requests[ours[0].name].good)
        requests |= {each.name: each.check(run.port(each)) for each in peers}
        run.take("check", _each(run, requests, CHECKS))
    verified = {each.name: each.verify(run.port(each)) for each in ours}
    run.take("verify", _each(run, verified, CHECKS))


def logins(run: Run, ours: Sequence[Denglu], peers: Sequence[Contender]) -> None:
    """With the right password. Peers that need seconds for one are given more of them: what is
    under way when the time is over does not count.
    """
    seconds, longer = run.size.seconds, max(run.size.seconds, _LONG)
    measures: Measures = {}
    for each in ours:
        measures[each.name] = partial(repeated, each.login(run.port(each)), seconds, LOGINS)
    measures[HASH] = lambda: Measured(ceilings.hashes(seconds))
    for peer in peers:
        measures[peer.name] = partial(repeated, peer.login(run.port(peer)), longer, LOGINS)
    run.take("login", measures)


def _each(run: Run, requests: dict[str, Request], connections: int) -> Measures:
    seconds = run.size.seconds
    return {name: partial(repeated, each, seconds, connections) for name, each in requests.items()}


def renewals(
    run: Run, ours: Sequence[Denglu], peers: Sequence[Renewing], raw: dict[str, str]
) -> None:
    """Refreshes, each with the token that the last gave. ``raw``: the database below a denglu."""
    seconds = run.size.seconds

    def renewed(each: Renewing) -> Measured:
        return chained(each.renewal(run.port(each)), seconds)

    def bare(database: str) -> Measured:
        return Measured(refreshes(database, seconds, MEMBERS))

    measures: Measures = {}
    for each in ours:
        measures[each.name] = partial(renewed, each)
        measures[f"{STATEMENTS}, {each.name}"] = partial(bare, raw[each.name])
    measures |= {peer.name: partial(renewed, peer) for peer in peers}
    run.take("refresh", measures)
