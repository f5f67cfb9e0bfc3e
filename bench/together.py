"""Everything at once: the mix of a site's day, and the storm of logins."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count

from bench import processes
from bench.contenders import MEMBERS, Contender
from bench.figures import AFTER_MIX, CALM_LOGINS, DURING_MIX, STORM_LOGINS
from bench.load import Measured, repeated, wrk
from bench.operations import LOGINS
from bench.ours import Denglu
from bench.paced import paced
from bench.run import Run

STORM_RATE = 50
"""Checks a second in the storm."""
REST = 3
"""Seconds until memory is looked at again."""


def mixed(run: Run, ours: Sequence[Denglu]) -> None:
    """80 % checks, 12 % refreshes, 6 % logins, 2 % messages; and the memory that it leaves."""
    firsts = count(500_000, 60_000)

    def mix(each: Denglu) -> Measured:
        port = run.port(each)
        pairs = each.pairs(port)
        facts = {
            "access": [access for access, _ in pairs],
            "refresh": [refresh for _, refresh in pairs],
            "logins": list(each.login(port).bodies),
            "first": next(firsts),
        }
        pid, request = run.processes[each.name].pid, each.post(port, "", "")
        measured = wrk(
            "mixed",
            request,
            run.size.seconds,
            threads=MEMBERS,
            connections=MEMBERS,
            facts=facts,
        )
        run.figures.note(DURING_MIX, each.name, processes.peak(pid))
        time.sleep(REST)
        run.figures.note(AFTER_MIX, each.name, processes.memory(pid))
        return measured

    run.take("mix", {each.name: partial(mix, each) for each in ours})


def storms(run: Run, everybody: Sequence[Contender]) -> None:
    """Checks at a fixed rate while logins want everything the machine has. Of denglu also logins
    alone, just before, for what the checks cost them.
    """
    seconds = run.size.seconds + 2

    def storm(each: Contender) -> Measured:
        port = run.port(each)
        check, login = each.check(port), each.login(port)
        if isinstance(each, Denglu):
            run.figures.add(CALM_LOGINS, each.name, repeated(login, run.size.seconds, LOGINS))
        with ThreadPoolExecutor(1) as other:
            flood = other.submit(repeated, login, seconds + 1, LOGINS)
            time.sleep(0.5)
            measured = paced(check, seconds, STORM_RATE)
            run.figures.add(STORM_LOGINS, each.name, flood.result())
        return measured

    run.take("storm", {each.name: partial(storm, each) for each in everybody})
