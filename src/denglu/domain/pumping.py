"""SMS pumping: messages to numbers that nobody means to use, for somebody's share of their price.

Whoever does it needs many numbers, which lie side by side in blocks, or works from many
addresses, which lie side by side in ranges. What gives it away is that few of the codes come
back. Messages are counted under both; a code that was right proves its message.
"""

from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

_BLOCK = 7


def block_of(mobile: str) -> str:
    """The block of a canonical mobile: its first seven digits, shared by 10,000 numbers."""
    return mobile[:_BLOCK]


def range_of(ip: str) -> str:
    """The range of an address: an IPv4 /24, an IPv6 /48; empty for what is no address."""
    try:
        address = ip_address(ip)
    except ValueError:
        return ""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is None:
            return str(IPv6Network((int(address) >> 80 << 80, 48)))
        address = address.ipv4_mapped
    return str(IPv4Network((int(address) >> 8 << 8, 24)))
