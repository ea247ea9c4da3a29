"""Requests to other machines: which addresses are allowed, and how they are fetched.

May import: what everyone shares (``errors``, ``ids``, ``clock``, ``settings``). All use of httpx
sits behind it.

Invariant (SSRF): no byte leaves for an address that was not checked. A name is resolved once, all
its addresses are checked, and the connection goes to a checked one; each redirect starts over.
Private addresses are reached only where the user's own settings name host and port. What comes back
is bounded in bytes (after decompression), headers, hops and time.

.. code-block:: text

    http         Fetcher: get, post, a client for SDKs
    client       the client that SDKs of model providers are given
    guard        which addresses may be asked: the guard against SSRF (pure)
    dns          this machine's resolver, in threads of its own
    connections  connections to checked addresses
    redirects    what a redirect makes of a request (pure)
    retry        whether and when to ask again: backoff with jitter (pure)
    politeness   turns and gaps per host, and its robots.txt
    robots       what a robots.txt allows (pure)
    reading      an answer, whole and of its kind
    decoding     compressed bodies, bounded
    body_limit   few big answers at once

Example:
    >>> from sentient_kernel.transport import Rules, check_url
    >>> check_url("HTTPS://Example.ORG:443/a b#top", Rules()).url
    'https://example.org/a%20b'
"""

from __future__ import annotations

from sentient_kernel.transport.connections import failed
from sentient_kernel.transport.guard import Rules, Target, check_url, verdict
from sentient_kernel.transport.http import Fetched, Fetcher
from sentient_kernel.transport.retry import again

__all__ = ["Fetched", "Fetcher", "Rules", "Target", "again", "check_url", "failed", "verdict"]
