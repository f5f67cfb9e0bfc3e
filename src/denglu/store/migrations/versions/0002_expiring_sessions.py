"""Sessions that expire are found without a look at those that have ended

Expand: the version before can live with it, and looks for ended ones through the new index
too. It still uses ``ix_session_refresh_expires_at``: a later revision drops that.
"""

import sqlalchemy as sa
from alembic import op

from denglu.store.migrations.steps import add_index, drop_index, key, leave_room, make_table, note

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    make_table(
        "schema_note",
        sa.Column("revision", key(20), nullable=False),
        sa.Column("oldest_reader", key(20), nullable=False),
        sa.PrimaryKeyConstraint("revision", name=op.f("pk_schema_note")),
    )
    add_index("ix_session_ended_refresh", "session", ["ended_at", "refresh_expires_at"])
    drop_index("ix_session_ended_at", "session")
    leave_room("session_token", 85)
    note(revision, oldest_reader="0001")
