"""What the gateways of Alibaba Cloud have in common: their library's core, and its errors.

The core puts every parameter into the URL, number and code among them, and the URL into the text
of its exceptions. So none of them leaves this module, and none is chained to what does.
"""

import logging
import re
from collections.abc import Callable, Mapping
from traceback import walk_tb
from typing import Any
from urllib.parse import urlsplit

from alibabacloud_tea_openapi.models import (  # type: ignore[import-untyped]
    Config,
    GlobalParameters,
)

from denglu.domain.sms_message import SmsMessage, Trouble
from denglu.domain.sms_template import Template, template_for
from denglu.domain.spend import parts_of
from denglu.flows.ports import Accepted
from denglu.sms.asked import AskedGateway
from denglu.sms.codes import UNREADABLE, Catalogue, Check
from denglu.sms.network import CONNECT_SECONDS, SECONDS, never_left, root_of

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}", re.ASCII)
_ID = re.compile(r"[0-9A-Za-z^_.-]{1,64}", re.ASCII)
_KEYS = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "IncompleteSignature", "InvalidTimeStamp")
_REFUSING, _SERVER_ERROR, _UNAVAILABLE = 400, 500, 503

# It writes to the terminal past every setting, whole requests where DEBUG=sdk.
_core = logging.getLogger("darabonba-core")
_core.handlers.clear()
_core.disabled = True
# Lines below that level, and one above it, have the whole URL.
for _name in ("urllib3.connection", "urllib3.connectionpool"):
    logging.getLogger(_name).setLevel(logging.ERROR)


class Refused(Exception):
    """What came of a call that brought no result: the provider's code, or an exception's name."""

    def __init__(self, code: str, trouble: Trouble) -> None:
        super().__init__(code)
        self.code = code
        self.trouble = trouble


class AliyunGateway(AskedGateway):
    """Fulfils ``flows.ports.SmsGateway``; what is sent how is for its children. ``access``:
    AccessKey id and secret. ``library``: makes a client; ``home``: where it asks unless told.
    """

    library: Callable[[Config], Any]
    home = ""

    def __init__(
        self,
        access: tuple[str, str],
        sign: str,
        templates: Mapping[str, Template],
        *,
        endpoint: str = "",
        seconds: float = SECONDS,
    ) -> None:
        super().__init__(seconds)
        self._sign, self._templates = sign, templates
        self._client = self.library(config(access, endpoint or self.home, seconds))

    async def send(self, message: SmsMessage) -> Accepted:
        """Send. Raises GatewayFailed."""
        template = template_for(message, self._templates)
        if template is None:
            raise self.failed("no template", Trouble.unasked)
        return await self.ask(self._deliver, message, template)

    def _deliver(self, message: SmsMessage, template: Template) -> Accepted:
        try:
            # It does not say as how many it is billed.
            return Accepted(self._send(message, template), parts_of(message.text))
        except Refused as refused:
            raise self.failed(refused.code, refused.trouble) from None

    def check(self) -> list[Check]:
        """What can be seen of the account without sending. Blocks."""
        raise NotImplementedError

    def _send(self, message: SmsMessage, template: Template) -> str:
        """The message's name at the provider. Blocks. Raises Refused."""
        raise NotImplementedError


def config(access: tuple[str, str], endpoint: str, seconds: float) -> Config:
    """``access``: AccessKey id and secret. The core tries nothing again unless told to."""
    parts = urlsplit(endpoint)
    return Config(
        access_key_id=access[0],
        access_key_secret=access[1],
        endpoint=parts.netloc,
        protocol=parts.scheme,
        connect_timeout=int(CONNECT_SECONDS * 1000),
        read_timeout=int(seconds * 1000),
        # Codes are few and far between: a connection that was kept for the next one is often
        # dead by then, and no answer on it would leave open whether that one was sent.
        global_parameters=GlobalParameters(headers={"connection": "close"}),
    )


def body_of(call: Callable[[], Any], codes: Catalogue) -> Any:
    """The body of an answer whose code is OK. Blocks. Raises Refused."""
    try:
        body = call().body
        code = getattr(body, "code", None)
    except Exception as error:
        refused = _judged(error, codes)
    else:
        if code == "OK":
            return body
        # An answer without a code is none of the provider's.
        refused = _spoken(code, codes) if code else Refused(UNREADABLE, Trouble.unanswered)
    # Here, where no exception is being handled, none is hidden in this one.
    raise refused


def check_keys(refused: Refused) -> Check:
    """Whether a refusal is the keys' fault. All others come after the keys were accepted."""
    if refused.trouble in (Trouble.unreachable, Trouble.unanswered, Trouble.throttled):
        return Check("credentials", None, refused.trouble, refused.code)
    if refused.code.startswith(_KEYS):
        return Check("credentials", False, refused.code)
    return Check("credentials", True)


def name_of(found: object) -> str:
    """A message's name at the provider; empty for anything else."""
    return found if isinstance(found, str) and _ID.fullmatch(found) else ""


def _spoken(code: object, codes: Catalogue, unknown: Trouble = Trouble.refused) -> Refused:
    """What the provider's own code says; ``unknown``: of one that is in no catalogue."""
    text = str(code)
    if not _CODE.fullmatch(text):
        return Refused(UNREADABLE, Trouble.unanswered)
    found = codes.find(text)
    # Somebody behind the one who speaks did not answer, and may have sent.
    if found is None and "timeout" in text.lower():
        unknown = Trouble.unanswered
    return Refused(text, found.trouble if found else unknown)


def _judged(error: Exception, codes: Catalogue) -> Refused:
    """What an exception of the core says of the request."""
    code, status = getattr(error, "code", None), _status_of(error)
    if code not in (None, "", "None") and status:
        down = status >= _SERVER_ERROR
        return _spoken(code, codes, Trouble.unanswered if down else Trouble.refused)
    if status >= _REFUSING:
        # A balancer that has no service behind it, or something else that is not the provider.
        trouble = Trouble.unreachable if status == _UNAVAILABLE else Trouble.unanswered
        return Refused(f"HTTP {status}", trouble)
    if status:
        return Refused(UNREADABLE, Trouble.unanswered)
    # What the network did is wrapped, and not chained to what wraps it.
    cause: Exception = getattr(error, "inner_exception", None) or error
    trouble = Trouble.unreachable if never_left(cause) else Trouble.unanswered
    return Refused(root_of(cause), trouble)


def _status_of(error: Exception) -> int:
    """The HTTP status of the answer, if there was one. The core tells it only of answers that it
    could read; of the others it stands in the traceback.
    """
    known = getattr(error, "status_code", None)
    for frame, _ in walk_tb(error.__traceback__):
        known = known or getattr(frame.f_locals.get("_last_response"), "status_code", None)
    return known if isinstance(known, int) else 0
