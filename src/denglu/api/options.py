"""What the wire needs from the outside, in its own words.

`settings.Settings` fulfils `Options`, `flows.service.Service` fulfils `Flows`. Nothing here
does anything.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from denglu.domain.deletion import Cancellation
from denglu.domain.groups import Group
from denglu.domain.session import Caller, Found, Session
from denglu.domain.sms_code import Usage
from denglu.domain.sms_message import Receipt
from denglu.flows.results import Grant

Clock = Callable[[], int]
Ready = Callable[[], Awaitable[bool]]


class Secret(Protocol):
    """Text that no log shows."""

    def get_secret_value(self) -> str: ...


class NamedSecret(Protocol):
    """A secret and whose it is."""

    @property
    def name(self) -> str: ...
    @property
    def secret(self) -> Secret: ...


class Options(Protocol):
    """The settings that the wire reads. Times in seconds, sizes in bytes."""

    @property
    def wire(self) -> str: ...
    @property
    def http_status(self) -> str: ...
    @property
    def mounts(self) -> Sequence[str]: ...
    @property
    def trusted_proxies(self) -> Sequence[object]: ...
    @property
    def cors_origins(self) -> Sequence[str]: ...
    @property
    def body_limit(self) -> int: ...
    @property
    def body_timeout(self) -> float: ...
    @property
    def sms_code_length(self) -> int: ...
    @property
    def password_min_length(self) -> int: ...
    @property
    def password_site_words(self) -> Sequence[str]: ...
    @property
    def docs_enabled(self) -> bool: ...
    @property
    def introspection_keys(self) -> Sequence[NamedSecret] | None: ...
    @property
    def access_grace(self) -> int: ...
    @property
    def sms_receipt_key(self) -> Secret | None: ...
    @property
    def sms_http_key(self) -> Secret | None: ...
    @property
    def metrics_key(self) -> Secret | None: ...
    @property
    def plugins(self) -> Sequence[str]: ...


class Flows(Protocol):
    """What a person can do. Each raises `Refusal`."""

    async def login(
        self,
        *,
        username: str,
        password: str,
        group: Group,
        caller: Caller,
        captcha_token: str,
    ) -> Grant: ...

    async def mobile_login(
        self, *, mobile: str, code: str, group: Group, caller: Caller
    ) -> Grant: ...

    async def register(
        self,
        *,
        mobile: str,
        code: str,
        group: Group,
        password: str,
        nickname: str,
        caller: Caller,
    ) -> Grant: ...

    async def reset_password(
        self, *, mobile: str, code: str, group: Group, password: str, caller: Caller
    ) -> Grant: ...

    async def send_code(
        self, *, mobile: str, usage: Usage, caller: Caller, captcha_token: str
    ) -> None: ...

    async def refresh(self, *, token: str, group: Group | None, caller: Caller) -> Grant: ...

    async def authenticate(self, token: str, member_type: int) -> Found: ...

    async def logout(self, token: str, member_type: int) -> Found: ...

    async def verify_token(self, token: str, member_type: int) -> bool: ...

    async def check_merchant(self, merchant_id: int) -> None: ...

    async def sessions(self, found: Found) -> Sequence[Session]: ...

    async def end_session(self, found: Found, session_id: int, caller: Caller) -> None: ...

    async def end_other_sessions(self, found: Found, caller: Caller) -> None: ...

    async def change_mobile(
        self,
        found: Found,
        *,
        mobile: str,
        code: str,
        password: str,
        new_code: str,
        caller: Caller,
    ) -> Grant: ...

    async def cancellation(self, found: Found) -> Cancellation | None: ...

    async def cancel(
        self, found: Found, *, code: str, password: str, caller: Caller
    ) -> Cancellation: ...

    async def withdraw_cancellation(self, found: Found, caller: Caller) -> None: ...

    async def change_password(
        self, found: Found, *, old_password: str, password: str, caller: Caller
    ) -> Grant: ...

    async def take_receipts(self, receipts: Sequence[Receipt]) -> int: ...
