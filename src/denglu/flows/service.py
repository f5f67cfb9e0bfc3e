"""Everything a person can do, in one value: what the wire calls."""

from dataclasses import dataclass

from denglu.flows.authenticate import Authenticate
from denglu.flows.login import Login
from denglu.flows.logout import Logout
from denglu.flows.mobile_login import MobileLogin
from denglu.flows.ports import Store
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
    send_code: SendCode
    refresh: Refresh
    authenticate: Authenticate
    logout: Logout
    store: Store

    async def verify_token(self, token: str) -> bool:
        """Whether a client may keep this access token."""
        return await self.authenticate.verify(token)

    async def ready(self) -> bool:
        """Whether the store answers."""
        return await self.store.ready()
