"""Redaction: removes known secrets from all that is written and shown.

``known`` holds which values this process knows, by ``names`` that secrets have, and replaces them
everywhere, in all ``forms`` that programs echo them in; ``stream`` does so in text that comes in
pieces, and ``logs`` in log records; ``patterns`` replaces what looks secret, in errors, logs,
tracebacks and addresses. Imports nothing of this
package; everything may import it. The invariant: a text that was let through holds no known value,
in any form that a program would echo it in.
"""

from sentient_kernel.redaction.known import (
    Redactor,
    hold,
    hold_address,
    hold_file,
    redactor,
    shown,
)
from sentient_kernel.redaction.logs import guard_logs
from sentient_kernel.redaction.patterns import in_address, without_credentials
from sentient_kernel.redaction.stream import StreamRedactor

__all__ = [
    "Redactor",
    "StreamRedactor",
    "guard_logs",
    "hold",
    "hold_address",
    "hold_file",
    "in_address",
    "redactor",
    "shown",
    "without_credentials",
]
