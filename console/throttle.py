"""How often an address may come with a wrong key: buckets that fill again, in memory that does not grow."""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
import threading

#: So many wrong keys of an address at once, and then one in so many seconds.
BURST, EVERY_S = 60, 1.0
#: Buckets; two addresses that share one share its patience, and nobody with a right key notices.
_BUCKETS = 4096
#: An IPv6 network that one customer has is one address.
_IPV6_BITS = 64


class Throttle:
    """Counts wrong keys only: whoever comes with a right one is let in, whatever others of the address do."""

    def __init__(self, *, burst: int = BURST, every_s: float = EVERY_S) -> None:
        self._burst = float(burst)
        self._every_s = every_s
        self._salt = secrets.token_bytes(16)  # or somebody could find whose bucket to empty
        self._left = [self._burst] * _BUCKETS
        self._at_s = [0.0] * _BUCKETS
        self._mutex = threading.Lock()

    def wait_s(self, address: str, now_s: float) -> float:
        """One wrong key more; 0 where that is borne, else the seconds until the next one is."""
        bucket = self._bucket(address)
        with self._mutex:
            passed_s = max(0.0, now_s - self._at_s[bucket])
            left = min(self._burst, self._left[bucket] + passed_s / self._every_s)
            self._at_s[bucket] = now_s
            is_borne = left >= 1.0
            self._left[bucket] = left - 1.0 if is_borne else left
        return 0.0 if is_borne else (1.0 - left) * self._every_s

    def _bucket(self, address: str) -> int:
        digest = hashlib.blake2b(_network(address).encode(), key=self._salt, digest_size=8).digest()
        return int.from_bytes(digest) % _BUCKETS


def _network(address: str) -> str:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, _IPV6_BITS), strict=False))
    return str(getattr(found, "ipv4_mapped", None) or found)
