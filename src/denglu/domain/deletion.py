"""The deletion of an account that its member asked for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cancellation:
    """Asked for and due at these times (Unix seconds). Until it is due it can be withdrawn."""

    requested_at: int
    due_at: int
