"""Row F03: a shop has imported its members, and fifty of them log in at once."""

import asyncio
import itertools
import time
from pathlib import Path

import bcrypt
import pytest

from tests.battery.client import Client
from tests.battery.conftest import Record
from tests.battery.harness import PASSWORD, Answer, Raw, Server, running
from tests.battery.load import Seen, at_rate, quantile
from tests.battery.rivals import hash_of, login, outcomes
from tests.battery.test_faults import members

_SITE = {"trusted_proxies": "127.0.0.1", "sms_site_rates": "100000/24h"}
_FEW = pytest.param(8, 6, 1.0, id="few")
_MORNING = pytest.param(50, 13, 10.0, id="morning", marks=pytest.mark.release)
_CHECKS, _LOGINS = 100, 5


def imported(server: Server, count: int, cost: int) -> list[str]:
    """Numbers of so many members with the usual password, hashed as another system did."""
    stored = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(cost)).decode()
    mobiles = members(server, count)
    for mobile in mobiles:
        server.rows(
            "UPDATE member SET password_hash = ?, legacy_hash = 1 WHERE mobile_key = ?",
            stored,
            mobile,
        )
    return mobiles


async def _morning(
    server: Server, legacy: list[str], ours: list[str], token: str, seconds: float
) -> tuple[list[Answer], Seen, Seen]:
    """Imported members log in until all are in; meanwhile others do what they always do."""
    assert server.process is not None
    stop, checks, logins = asyncio.Event(), Seen(), Seen()
    turns = itertools.cycle(ours)
    check = Raw("/v1/member/member/index", token=token, method="GET")
    load = [
        asyncio.create_task(at_rate(server, lambda: check, _CHECKS, checks, stop)),
        asyncio.create_task(
            at_rate(
                server,
                lambda: login(next(turns), PASSWORD, "h5"),
                _LOGINS,
                logins,
                stop,
            )
        ),
    ]
    begun = time.perf_counter()
    answers = await asyncio.to_thread(server.race, [login(each, PASSWORD) for each in legacy])
    await asyncio.sleep(max(0.0, begun + seconds - time.perf_counter()))
    stop.set()
    await asyncio.gather(*load)
    return answers, checks, logins


@pytest.mark.parametrize(("count", "cost", "seconds"), [_FEW, _MORNING])
def test_F03_imported_members_log_in_at_once(
    tmp_path: Path, record: Record, count: int, cost: int, seconds: float
) -> None:
    """They take their turn in a lane of their own: nobody else waits for them."""
    with running(tmp_path, **_SITE) as server, Client(server) as client:
        legacy, ours = imported(server, count, cost), members(server, 100)
        token = client.register().data["access_token"]
        answers, checks, logins = asyncio.run(_morning(server, legacy, ours, token, seconds))
        told, others = outcomes(answers), outcomes(logins.answers)
        assert set(told) <= {"OK", "busy"}
        assert told["OK"] > 0
        assert set(others) <= {"OK", "busy"}
        assert others["OK"] > 0
        assert outcomes(checks.answers) == {"OK": len(checks.answers)}
        # Who got in has a hash of today, and who did not gets in later with the same password.
        for mobile, answer in zip(legacy, answers, strict=True):
            assert hash_of(server, mobile).startswith("$argon2id$" if answer.code == 200 else "$2")
        assert client.login(legacy[-1]).code == 200
    took = [answer.seconds for answer in logins.answers if answer.code == 200]
    record("F03", tried=f"{count} imported members (bcrypt {cost}) log in at once, beside "
           f"{_CHECKS} checks and {_LOGINS} logins a second",
           figure=f"{told['OK']} of them in, {told['busy']} busy, slowest "
           f"{max(answer.seconds for answer in answers):.1f} s; other logins: {others['OK']} OK, "
           f"{others['busy']} busy, p95 {quantile(took, 0.95):.0f} ms; check p99 "
           f"{quantile([answer.seconds for answer in checks.answers], 0.99):.1f} ms"
    )  # fmt: skip
