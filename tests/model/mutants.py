"""Servers in which one thing is broken, each of which the model must find out.

Every function here breaks one thing in the process that calls it. A server calls it before
anything else when it is started inside ``broken(...)``; nothing of this is in the product.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

_ROOT = Path(__file__).parents[2]


def rotation() -> None:
    """A refresh token that was used up stays good."""
    from denglu.domain import session

    judge, step = session.judge_refresh, session.RefreshStep

    def lenient(*arguments: Any) -> session.RefreshStep:
        judged = judge(*arguments)
        return step.repeat if judged is step.reuse else judged

    patch.object(session, "judge_refresh", lenient).start()


def code() -> None:
    """A code is not used up."""
    from denglu.store.repositories import SqlCodes

    async def spend(*_: object) -> bool:
        return True

    patch.object(SqlCodes, "spend", spend).start()


def limits() -> None:
    """It is not counted how many wrong codes there were for a number."""
    from denglu.domain import limits

    claim = limits.claim

    def uncounted(limit: limits.Limit, tally: limits.Tally, *rest: Any) -> Any:
        return tally if limit.scope == "code-number" else claim(limit, tally, *rest)

    patch.object(limits, "claim", uncounted).start()


def day() -> None:
    """Of the rates of a limit only the first one holds."""
    from denglu.domain import limits

    wait = limits._wait

    def first_only(limit: limits.Limit, *rest: Any) -> int:
        return wait(limits.Limit(limit.scope, limit.rates[:1]), *rest)

    patch.object(limits, "_wait", first_only).start()


def replacement() -> None:
    """A new login leaves the session before it in the group."""
    from denglu.store.repositories import SqlSessions

    opens = SqlSessions.open

    async def beside(self: SqlSessions, new: Any) -> Any:
        from dataclasses import replace

        return await opens(self, replace(new, allowed=9))

    patch.object(SqlSessions, "open", beside).start()


def logout() -> None:
    """A session that was refreshed is not ended."""
    from denglu.flows.logout import Logout

    ends = Logout.__call__

    async def half(self: Logout, token: str, member_type: int) -> Any:
        found = await self._authenticate.known(token, member_type)
        return await ends(self, token, member_type) if found.session.generation == 1 else found

    patch.object(Logout, "__call__", half).start()


def reset() -> None:
    """A new password leaves the sessions of other groups."""
    from denglu.flows.reset_password import ResetPassword

    resets = ResetPassword._reset

    async def here_only(self: Any, tx: Any, right: Any, mobile: Any, *rest: Any) -> Any:
        live, group = tx.sessions.live, rest[1].name

        async def in_group(member_id: int, _: Any = None) -> Any:
            return await live(member_id, group)

        with patch.object(tx.sessions, "live", in_group):
            return await resets(self, tx, right, mobile, *rest)

    patch.object(ResetPassword, "_reset", here_only).start()


def amnesia() -> None:
    """A process knows nothing of the tries that another one before it counted."""
    from denglu.store.tallies import SqlTallies

    recall, save = SqlTallies.recall, SqlTallies.save
    ours: set[bytes] = set()

    async def recall_ours(self: SqlTallies, keys: Any) -> dict[bytes, str]:
        return {k: text for k, text in (await recall(self, keys)).items() if k in ours}

    async def save_ours(self: SqlTallies, tallies: Any) -> None:
        ours.update(tallies)
        await save(self, tallies)

    patch.object(SqlTallies, "recall", recall_ours).start()
    SqlTallies.save = save_ours  # type: ignore[method-assign]


def clock() -> None:
    """Time goes back with the machine's clock."""
    from denglu.clock import Clock

    def believing(self: Clock, wall: float) -> float:
        return wall

    patch.object(Clock, "_steady", believing).start()


def merchant() -> None:
    """Codes of a number are good wherever they were asked for."""
    from denglu.domain.member import Namespace

    patch.object(Namespace, "tag", "").start()


def namesake() -> None:
    """Where nobody has a number among a merchant's members, the site's are looked through."""
    from denglu.store.repositories import SqlMembers

    find = SqlMembers.find

    async def everywhere(self: SqlMembers, merchant_id: int, *rest: Any) -> Any:
        return await find(self, merchant_id, *rest) or await find(self, 0, *rest)

    patch.object(SqlMembers, "find", everywhere).start()


@contextlib.contextmanager
def broken(folder: Path, mutant: Callable[[], None]) -> Iterator[None]:
    """Servers that are started inside are broken. ``folder``: a new one, for their eyes only."""
    # Python looks for this module whenever it starts.
    text = f"from {__name__} import {mutant.__name__}\n\n{mutant.__name__}()\n"
    (folder / "sitecustomize.py").write_text(text)
    sources = os.environ.get("PYTHONPATH", str(_ROOT / "src"))
    path = os.pathsep.join([str(folder), str(_ROOT), sources])
    with patch.dict(os.environ, PYTHONPATH=path):
        yield
