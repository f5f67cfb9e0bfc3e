"""What the errors of MySQL, MariaDB and their kin mean, in the words of ``network.link``.

Their numbers decide; their texts may hold a member's data and are not passed on with it.
"""

import re

from denglu.store.connection import Duplicate
from denglu.store.network.link import Conflict, Crowded, NoTable, TooSlow, Unreachable

_KEY_NAME = re.compile(r"for key '([^']*)'\s*\Z")

_DUPLICATES = {1062, 1586}
# A deadlock; a row changed since it was read; a table changed while a statement was prepared;
# a cluster's other node was first; and what TiDB says of all these.
_CONFLICTS = {1213, 1020, 1615, 3101, 8002, 8022, 8028, 9007}
# A lock; a query that was killed; the time limits of MariaDB and MySQL; TiDB is overloaded.
_SLOW = {1205, 1317, 1969, 3024, 9003}
# Disk, memory, connections, prepared statements; a right of ours is missing.
_CROWDED = {1021, 1037, 1040, 1041, 1114, 1142, 1143, 1203, 1226, 1461}
_NO_TABLE = 1146
# The server takes no work, or not from us; the connection broke; a commit's end is not known.
_GONE = {
    1044, 1045, 1047, 1049, 1053, 1077, 1079, 1080, 1129, 1130, 1152, 1153, 1154, 1155, 1156,
    1157, 1158, 1159, 1160, 1161, 1180, 1184, 1243, 1290, 1792, 1836, 1927, 3032, 3100, 4031,
    9001, 9002, 9005,
}  # fmt: skip


def in_our_words(error: Exception) -> Exception:
    """What an error of the library means. Where its text may hold a member's data it goes."""
    code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    if code in _DUPLICATES:
        key = _KEY_NAME.search(str(error.args[-1]))
        return Duplicate(key[1].rpartition(".")[2] if key else "")
    said = f"error {code}"
    if code in _CONFLICTS:
        return Conflict(said)
    if code in _SLOW:
        return TooSlow(said)
    if code == _NO_TABLE:
        return NoTable(said)
    if code in _CROWDED:
        return Crowded(said)
    if code in _GONE or code < 1000 or 2000 <= code < 3000:
        return Unreachable(f"{said}: {error.args[-1] if error.args else type(error).__name__}")
    return error
