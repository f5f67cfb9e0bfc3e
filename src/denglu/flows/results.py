"""What flows give back."""

from dataclasses import dataclass, field

from denglu.domain.member import Member


@dataclass(frozen=True, slots=True)
class Grant:
    """What a login, a registration or a refresh gives.

    ``expires_in``: seconds that the access token is good for from now on, never below 0.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int
    member: Member
