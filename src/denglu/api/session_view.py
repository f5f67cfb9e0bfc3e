"""A member's sessions as their owner sees them, in both profiles. No token, no secret."""

from collections.abc import Iterable, Mapping

from denglu.api.jsontext import to_json
from denglu.domain.session import Session


def render_sessions(sessions: Iterable[Session], current: int, labels: Mapping[str, str]) -> bytes:
    """JSON text. ``current``: the id of the session that asks; ``labels`` by group."""
    return to_json(
        [
            {
                "id": session.id,
                "group": session.group,
                "group_label": labels.get(session.group, session.group),
                "device": session.device,
                "ip": session.ip,
                "created_at": session.created_at,
                "active_at": session.rotated_at,
                "expires_at": session.refresh_expires_at,
                "current": session.id == current,
            }
            for session in sessions
        ]
    )
