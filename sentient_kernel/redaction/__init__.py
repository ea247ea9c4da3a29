"""Redaction: removes known secrets from all that is written and shown.

``values`` replaces what is known to be secret, everywhere; ``patterns`` what looks secret, in
errors, logs, tracebacks and addresses; ``stream`` does so in text that comes in pieces; ``known``
holds which values this process knows, by ``names`` that secrets have. Imports nothing of this
package; everything may import it. The invariant: a text that was let through holds no known value,
in any form that a program would echo it in.
"""

from sentient_kernel.redaction.known import hold, hold_address, hold_file, look, redactor, shown
from sentient_kernel.redaction.logs import guard_logs
from sentient_kernel.redaction.patterns import in_address, without_credentials
from sentient_kernel.redaction.stream import StreamRedactor
from sentient_kernel.redaction.values import Redactor

__all__ = [
    "Redactor",
    "StreamRedactor",
    "guard_logs",
    "hold",
    "hold_address",
    "hold_file",
    "in_address",
    "look",
    "redactor",
    "shown",
    "without_credentials",
]
