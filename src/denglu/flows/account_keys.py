"""The keys under which an account's wrong passwords are counted.

An account is counted both under the name as typed and under its member, so that an alias gets no
tries of its own, and a name without a member is counted like any other.
"""

from denglu.domain.member import Identifier, Member, Namespace, read_identifier
from denglu.flows.ports import Secrets

# What two of the three kinds of names of an account begin with: as typed, and of a member.
TYPED, MEMBER = "name", "member"


class AccountKeys:
    """The keys under which an account's failures are counted."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    def of(self, who: Identifier, member: Member | None, namespace: Namespace) -> tuple[str, str]:
        """The two names of the account: the name as typed there, and whose it is."""
        there = f"{namespace.tag}:{who.canonical}"
        return TYPED + there, self._owner(member) if member else f"nobody{there}"

    def every(self, member: Member) -> tuple[str, ...]:
        """All names of a member's account, whichever of them people type."""
        spellings = [name for name in (member.mobile, member.username, member.email) if name]
        whose = [self.of(read_identifier(text), member, member.namespace) for text in spellings]
        typed = {name for name, _ in whose}
        return self._owner(member), *sorted(typed)

    def _owner(self, member: Member) -> str:
        # With a new password, or enabled by an operator, it is another account to guess at.
        return f"{MEMBER}:{member.id}:{member.password_version}"

    def account(self, name: str) -> bytes:
        """The key for an account from any address."""
        return self._secrets.key("login-account", name)

    def account_address(self, name: str, ip: str) -> bytes:
        """The key for an account from one address."""
        return self._secrets.key("login-account-address", name, ip)

    def address(self, ip: str) -> bytes:
        """The key for an address."""
        return self._secrets.key("login-address", ip)

    def noted(self, account: bytes) -> bytes:
        """The key under which it is counted that a closed account was written down."""
        return self._secrets.key("login-noted", account.hex())
