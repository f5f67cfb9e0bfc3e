"""What is measured, in which order."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench import codes, members, operations, processes, together
from bench.contenders import MEMBERS, PASSWORD, Contender, Renewing, served
from bench.figures import END, IDLE, START, Figures
from bench.ours import Denglu
from bench.run import Run, Size


@dataclass(frozen=True)
class Cast:
    """Who takes part. ``renewing``: peers as they are served for their nearest to a refresh;
    they live where their others live. ``raw``: the database below each denglu.
    """

    ours: Sequence[Denglu]
    peers: Sequence[Contender]
    renewing: Sequence[Renewing]
    raw: dict[str, str]

    @property
    def everybody(self) -> list[Contender]:
        """Without the second servers of peers."""
        return [*self.ours, *self.peers]


def prepare(cast: Cast, size: Size) -> None:
    """Tables and members for everybody."""
    for each in cast.everybody:
        print(f"preparing {each.name}", flush=True)
        each.folder.mkdir(parents=True, exist_ok=True)
        each.prepare()
    for one in cast.ours:
        members.fill(one.environ, one.folder, PASSWORD, MEMBERS, codes.MOBILES * size.rounds)


def measure(cast: Cast, size: Size, folder: Path, figures: Figures) -> None:
    """Take all figures. The mix comes first: nothing else is the cause of the memory it leaves."""
    _starts(cast, figures, size.rounds)
    with ExitStack() as stack:
        serving: list[Contender] = [*cast.everybody, *cast.renewing]
        ports = {each.name: processes.free_port() for each in serving}
        running = {
            each.name: stack.enter_context(served(each, ports[each.name])) for each in serving
        }
        run = Run(size, folder, figures, ports, running)
        together.mixed(run, cast.ours)
        operations.checks(run, cast.ours, cast.peers)
        operations.logins(run, cast.ours, cast.peers)
        operations.renewals(run, cast.ours, cast.renewing, cast.raw)
        codes.sms_codes(run, cast.ours)
        codes.mobile_logins(run, cast.ours)
        together.storms(run, cast.everybody)
        time.sleep(together.REST)
        for each in cast.everybody:
            figures.note(END, each.name, processes.memory(running[each.name].pid))


def _starts(cast: Cast, figures: Figures, rounds: int) -> None:
    """From the start of a process to its first answer; how much memory it then has. Of peers
    once: that is slow, and no target speaks of it.
    """
    for number in range(rounds):
        for each in cast.everybody if number == 0 else cast.ours:
            port, log = processes.free_port(), each.folder / "starts.log"
            words, cwd = each.words(port), each.folder
            with processes.running(words, cwd=cwd, environ=each.environ, log=log) as process:
                seconds = processes.first_answer(each.knock(port), process, log)
                figures.note(START, each.name, seconds)
                time.sleep(1)
                figures.note(IDLE, each.name, processes.memory(process.pid))
