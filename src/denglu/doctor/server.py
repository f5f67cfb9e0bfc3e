"""What the doctor learns of a database server, whichever it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from denglu.doctor.finding import Finding, Level
from denglu.settings.model import variable
from denglu.store.network.shell import Shell


@dataclass(frozen=True, slots=True)
class Need:
    """Connections that a server of these settings may open: ``pool`` for each worker."""

    pool: int
    workers: int

    @property
    def connections(self) -> int:
        """All of them; each worker also listens on one."""
        return self.workers * (self.pool + 1)


@dataclass(slots=True)
class Server:
    """``ahead``: seconds that its clock is ahead of ours."""

    ahead: float
    encrypted: bool
    findings: list[Finding] = field(default_factory=list)

    def say(self, level: Level, message: str, advice: str = "") -> None:
        """Add a finding."""
        self.findings.append(finding(level, message, advice))

    def say_room(self, need: Need, *, most: int, used: int) -> None:
        """Is there a connection for everybody? ``used`` counts ours, which is about to end."""
        text = f"{used} of {most} connections are in use; a server with {need.workers} "
        text += "workers" if need.workers > 1 else "worker"
        text += f" opens up to {need.connections}"
        if need.connections > most:
            self.say(
                Level.fault, text, f"lower {variable('database_pool')}, or raise the server's limit"
            )
        elif need.connections > most - used:
            self.say(
                Level.warning,
                text,
                f"all is well if these are its own; else lower {variable('database_pool')}, or "
                "raise the server's limit",
            )
        else:
            self.say(Level.ok, text)


def finding(level: Level, message: str, advice: str = "") -> Finding:
    """A finding about the database."""
    return Finding("database", level, message, advice)


async def facts(shell: Shell, asked: Mapping[str, str]) -> dict[str, Any]:
    """What a SELECT of these expressions answers, by their names."""
    (row,) = await shell.rows("SELECT " + ", ".join(asked.values()))
    return dict(zip(asked, row, strict=True))
