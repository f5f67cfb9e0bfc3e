"""What the wire needs from the outside, in its own words.

`settings.Settings` fulfils `Options`, `flows.service.Service` fulfils `Flows`. Nothing here
does anything.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from denglu.domain.groups import Group
from denglu.domain.session import Caller, Found
from denglu.domain.sms_code import Usage
from denglu.flows.results import Grant

Clock = Callable[[], int]
Ready = Callable[[], Awaitable[bool]]


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


class Flows(Protocol):
    """What a person can do. Each raises `Refusal`."""

    async def login(
        self, *, username: str, password: str, group: Group, caller: Caller
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

    async def send_code(self, *, mobile: str, usage: Usage, caller: Caller) -> None: ...

    async def refresh(self, *, token: str, group: Group | None, caller: Caller) -> Grant: ...

    async def authenticate(self, token: str) -> Found: ...

    async def logout(self, token: str) -> Found: ...

    async def verify_token(self, token: str) -> bool: ...
