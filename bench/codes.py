"""Messages: asking for a code, and logging in with one. Every message goes to a number of its own
and is asked for from an address of its own, told by a proxy.
"""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count

from bench import members
from bench.contenders import JSON, MEMBERS, call
from bench.load import Measured, Request, wrk
from bench.ours import Denglu
from bench.run import Run

SETTINGS = {"DENGLU_TRUSTED_PROXIES": "127.0.0.1", "DENGLU_SMS_SITE_RATES": "1000000/24h"}
"""What denglu needs for it, beside its defaults."""
MOBILES = 5000
"""Members with a mobile, for each round of ``mobile-login``."""
_LIST = 30_000
_SHORT = 1
_FEW, _TIMES = 1500, 3


def sms_codes(run: Run, ours: Sequence[Denglu]) -> None:
    """For numbers that belong to nobody yet."""
    firsts = count(0, _LIST)

    def asked(each: Denglu) -> Measured:
        first = next(firsts)
        numbers = [f"13{n % 90000:05d}{n // 90000:04d}" for n in range(first, first + _LIST)]
        bodies = [_asking(number) for number in numbers]
        return _listed(run, each, "sms-code", bodies, first, run.size.seconds)

    run.take("sms-code", {each.name: partial(asked, each) for each in ours})


def mobile_logins(run: Run, ours: Sequence[Denglu]) -> None:
    """Of members, with the code that each was sent just before. A code serves once, so there are
    more of them than can be needed: by what the same server sent in a second.
    """
    blocks = {each.name: count(0, MOBILES) for each in ours}

    def entered(each: Denglu) -> Measured:
        first = next(blocks[each.name])
        enough = max(_FEW, int(_TIMES * _SHORT * max(run.figures.rate("sms-code", each.name))))
        numbers = [members.mobile(n) for n in range(first, first + min(MOBILES, enough))]
        sent = _sent(each, run.port(each), numbers, first)
        bodies = [
            json.dumps({"mobile": number, "code": sent[number], "group": "h5"})
            for number in numbers
        ]
        return _listed(run, each, "mobile-login", bodies, first, _SHORT)

    run.take("mobile-login", {each.name: partial(entered, each) for each in ours})


def _sent(each: Denglu, port: int, numbers: list[str], first: int) -> dict[str, str]:
    """The code that each number is sent: not measured, so a few threads will do."""
    start = each.outbox.stat().st_size

    def ask(serial: int) -> None:
        headers = {**JSON, "X-Forwarded-For": _address(first + serial)}
        call(Request(f"{_site(port)}/sms-code", "POST", headers, _asking(numbers[serial])))

    with ThreadPoolExecutor(MEMBERS) as pool:
        list(pool.map(ask, range(len(numbers))))
    with each.outbox.open() as lines:
        lines.seek(start)
        return {line["mobile"]: line["code"] for line in map(json.loads, lines)}


def _asking(number: str) -> str:
    return json.dumps({"mobile": number, "usage": "login"})


def _address(serial: int) -> str:
    return f"10.{serial // 250 % 250}.{serial % 250}.7"


def _site(port: int) -> str:
    return f"http://127.0.0.1:{port}/v1/site"


def _listed(
    run: Run, each: Denglu, what: str, bodies: list[str], first: int, seconds: int
) -> Measured:
    """Send each body once."""
    file = run.folder / "list"
    lines = (f"{_address(first + n)}\t{body}\n" for n, body in enumerate(bodies))
    file.write_text("".join(lines))
    request = each.post(run.port(each), what, "")
    facts = {"file": str(file), "threads": MEMBERS}
    return wrk("listed", request, seconds, threads=MEMBERS, connections=MEMBERS, facts=facts)
