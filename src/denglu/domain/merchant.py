"""Merchants: each has users who log in to the merchant API, and members of its own."""

from dataclasses import dataclass

from denglu.domain.member import Status


@dataclass(frozen=True, slots=True)
class Merchant:
    """A merchant. ``status`` is one of ``member.Status``; times are Unix seconds."""

    id: int
    name: str
    cover: str
    address_name: str
    address_details: str
    collect_num: int
    status: int
    created_at: int
    updated_at: int

    @property
    def enabled(self) -> bool:
        """Whether its users may log in and its members may be spoken of."""
        return self.status == Status.enabled
