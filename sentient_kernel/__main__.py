"""``python -m sentient_kernel`` is the ``sentient-kernel`` command."""

from sentient_kernel.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
