"""``python -m sentient_kernel`` is the ``sentient-kernel`` command."""

from sentient_kernel.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
