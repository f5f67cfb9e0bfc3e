"""`POST /hooks/sms/{gateway}/{key}`: a provider tells what became of messages.

Outside every mount, with real statuses, for whoever knows DENGLU_SMS_RECEIPT_KEY: with another
one, there is no such path. Each provider is told that it was heard as it wants to be told, also
of messages that nobody knows, or it would say so again and again. The numbers that come along are
not looked at.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from denglu.api.body import read_body, read_json
from denglu.api.envelope import Answer, plain_answer
from denglu.api.exchange import Exchange
from denglu.api.jsontext import Json
from denglu.api.options import Clock, Secret
from denglu.api.refusals import WireRefusal
from denglu.domain.errors import Reason
from denglu.domain.sms_message import Receipt

if TYPE_CHECKING:
    from denglu.api.handlers import Site

PATH = "/hooks/sms"
LARGEST = 65536
MOST = 200
_SECONDS = 10.0
_LONGEST_ID = 64
_STAMP = re.compile("[0-9]{1,12}", re.ASCII)
_SKEW = 300
# A provider's code; what could be a number is none.
_CODE = re.compile(r"(?!.*[0-9]{7})[A-Za-z0-9_.:-]{1,64}", re.ASCII)

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Provider:
    """How one tells it, and is answered. ``read`` gives the message's name at the provider,
    whether it was delivered, and the code of what was in its way; KeyError where one is missing.
    ``signs``: it has no other way to be known than ours.
    """

    read: Callable[[Entry], tuple[object, object, object]]
    heard: Json
    signs: bool = False


def _aliyun(entry: Entry) -> tuple[object, object, object]:
    return entry["biz_id"], entry["success"] in (True, "true"), entry.get("err_code")


def _tencent(entry: Entry) -> tuple[object, object, object]:
    return entry["sid"], entry["report_status"] == "SUCCESS", entry.get("errmsg")


def _http(entry: Entry) -> tuple[object, object, object]:
    name = entry["id"]
    # As in the answer that gave it: a number is a name, too.
    name = str(name) if type(name) is int else name
    return name, entry["delivered"] is True, entry.get("error")


PROVIDERS = {
    "aliyun": Provider(_aliyun, {"code": 0, "msg": "成功"}),
    "tencent": Provider(_tencent, {"result": 0, "errmsg": "OK"}),
    "http": Provider(_http, {"ok": True}, signs=True),
}
"""Those that tell, by the name of their gateway."""


class Hooks:
    """Knows the key of the paths, and with what a sender of one's own signs (docs/sms-http.md)."""

    def __init__(self, key: Secret, http_key: Secret | None, now: Clock) -> None:
        self._key = _digest(key.get_secret_value())
        self._http_key = None if http_key is None else http_key.get_secret_value().encode()
        self._now = now

    def opens(self, word: str) -> bool:
        """Whether it is the key; in constant time."""
        return hmac.compare_digest(_digest(word), self._key)

    def signed(self, exchange: Exchange, body: bytes) -> bool:
        """Whether a sender of one's own says so, within five minutes of now."""
        stamp = exchange.header(b"x-denglu-timestamp")
        given = exchange.header(b"x-denglu-signature").encode("latin-1")
        if self._http_key is None or not _STAMP.fullmatch(stamp):
            return False
        right = hmac.new(self._http_key, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        fresh = abs(self._now() - int(stamp)) <= _SKEW
        return hmac.compare_digest(given, f"v1={right}".encode()) and fresh


def _digest(word: str) -> bytes:
    return hashlib.sha256(word.encode("utf-8", "surrogatepass")).digest()


async def take_receipts(site: "Site", exchange: Exchange, gateway: str) -> Answer:
    """What became of messages."""
    provider = PROVIDERS[gateway]
    body = await read_body(exchange, LARGEST, _SECONDS)
    assert site.hooks is not None
    if provider.signs and not site.hooks.signed(exchange, body):
        return _unsigned()
    await site.flows.take_receipts(receipts_in(body, gateway, provider))
    return plain_answer(200, provider.heard)


def _unsigned() -> Answer:
    answer = plain_answer(401, {"error": "invalid_signature"})
    answer.headers += ((b"www-authenticate", b'denglu realm="denglu"'),)
    answer.reason = "invalid_signature"
    return answer


def receipts_in(body: bytes, gateway: str, provider: Provider) -> list[Receipt]:
    """What a body holds: a list, or a single one. Raises `malformed_body`, `body_too_large`."""
    try:
        value = read_json(body)
        entries = value if isinstance(value, list) else [value]
        if len(entries) > MOST:
            raise WireRefusal(Reason.body_too_large)
        return [_receipt(provider, entry, gateway) for entry in entries]
    except (ValueError, KeyError):
        raise WireRefusal(Reason.malformed_body) from None


def _receipt(provider: Provider, entry: object, gateway: str) -> Receipt:
    if not isinstance(entry, dict):
        raise ValueError("no object")
    name, delivered, error = provider.read(entry)
    if not (isinstance(name, str) and 1 <= len(name) <= _LONGEST_ID and name.isprintable()):
        raise ValueError("no name")
    code = error if isinstance(error, str) and _CODE.fullmatch(error) else "unreadable"
    return Receipt(gateway, name, bool(delivered), "" if delivered else code)
