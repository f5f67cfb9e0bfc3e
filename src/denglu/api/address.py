"""The client's address: the peer's, or through trusted proxies the right-most other hop.

Only `X-Forwarded-For` is believed, only from trusted peers, and only from the right: what a
client writes into it stands to the left of what the first trusted proxy saw.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

_MOST_HOPS = 16
_LONGEST = 4096

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class Proxies:
    """Knows which peers are trusted proxies. No network: nobody is."""

    def __init__(self, trusted: Iterable[object] = ()) -> None:
        self._trusted: tuple[Network, ...] = tuple(
            ip_network(str(network), strict=False) for network in trusted
        )

    def client_of(self, peer: str, headers: Sequence[tuple[bytes, bytes]]) -> str:
        """The client's address as text, in its one normal form.

        `headers` are the raw pairs: the header may come in several lines. A hop that is no
        address ends the walk: the last good hop stands.
        """
        address, text = _peer(peer)
        if address is None or not self._trusts(address):
            return text
        for hop in _hops(headers):
            known = parse_address(hop)
            if known is None:
                break
            address = known
            if not self._trusts(address):
                break
        return str(address)

    def _trusts(self, address: Address) -> bool:
        return bool(self._trusted) and any(address in network for network in self._trusted)


@lru_cache(maxsize=4096)
def _peer(peer: str) -> tuple[Address | None, str]:
    """The address of a peer, and its normal form: the text itself where it is none."""
    address = parse_address(peer)
    return address, peer if address is None else str(address)


def _hops(headers: Sequence[tuple[bytes, bytes]]) -> list[str]:
    """The hops, nearest first, at most 16."""
    lines = [value for name, value in headers if name == b"x-forwarded-for"]
    text = b",".join(lines)[-_LONGEST:].decode("latin-1")
    return text.rsplit(",", _MOST_HOPS)[: -_MOST_HOPS - 1 : -1] if text else []


@lru_cache(maxsize=4096)  # 5 µs a time, and most requests come from addresses just seen
def parse_address(text: str) -> Address | None:
    """An address with or without port or brackets; `::ffff:1.2.3.4` is 1.2.3.4."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
