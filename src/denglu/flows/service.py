"""Everything a person can do, in one value: what the wire calls."""

from collections.abc import Sequence
from dataclasses import dataclass

from denglu.domain.deletion import Cancellation
from denglu.domain.errors import Reason, Refusal
from denglu.domain.session import Caller, Found, Session
from denglu.domain.sms_message import Receipt
from denglu.flows.authenticate import Authenticate
from denglu.flows.cancel import Cancel
from denglu.flows.change_mobile import ChangeMobile
from denglu.flows.change_password import ChangePassword
from denglu.flows.devices import Devices
from denglu.flows.login import Login
from denglu.flows.logout import Logout
from denglu.flows.mobile_login import MobileLogin
from denglu.flows.ports import Store
from denglu.flows.receipts import TakeReceipts
from denglu.flows.refresh import Refresh
from denglu.flows.register import Register
from denglu.flows.reset_password import ResetPassword
from denglu.flows.sms_code import SendCode


@dataclass(frozen=True, slots=True)
class Service:
    """The flows, wired. Each is called with keyword arguments and raises Refusal."""

    login: Login
    mobile_login: MobileLogin
    register: Register
    reset_password: ResetPassword
    change_password: ChangePassword
    send_code: SendCode
    refresh: Refresh
    authenticate: Authenticate
    logout: Logout
    devices: Devices
    change_mobile: ChangeMobile
    deletion: Cancel
    receipts: TakeReceipts
    store: Store

    async def verify_token(self, token: str, member_type: int) -> bool:
        """Whether a client may keep this access token."""
        return await self.authenticate.verify(token, member_type)

    async def check_merchant(self, merchant_id: int) -> None:
        """Raises ``merchant_not_found`` unless there is such a merchant, and it is enabled."""
        merchant = await self.store.read(lambda tx: tx.merchants.get(merchant_id))
        if merchant is None or not merchant.enabled:
            raise Refusal(Reason.merchant_not_found)

    async def sessions(self, found: Found) -> Sequence[Session]:
        """Where the caller is logged in."""
        return await self.devices.sessions(found)

    async def end_session(self, found: Found, session_id: int, caller: Caller) -> None:
        """End one of the caller's sessions."""
        await self.devices.end(found, session_id, caller)

    async def end_other_sessions(self, found: Found, caller: Caller) -> None:
        """End all sessions of the caller but the one in use."""
        await self.devices.end_others(found, caller)

    async def cancellation(self, found: Found) -> Cancellation | None:
        """Whether and when the caller's account is to be deleted."""
        return await self.deletion.asked(found)

    async def cancel(
        self, found: Found, *, code: str, password: str, caller: Caller
    ) -> Cancellation:
        """Ask for its deletion."""
        return await self.deletion.ask(found, code=code, password=password, caller=caller)

    async def withdraw_cancellation(self, found: Found, caller: Caller) -> None:
        """Keep it."""
        await self.deletion.withdraw(found, caller)

    async def take_receipts(self, receipts: Sequence[Receipt]) -> int:
        """Write down what became of messages."""
        return await self.receipts(receipts)

    async def ready(self) -> bool:
        """Whether the store answers."""
        return await self.store.ready()
