"""Runs the command, as ``smki-testca`` and as ``python -m smki_testca``."""

import sys

try:
    from smki_testca.cli import main
except KeyboardInterrupt:
    # Ctrl-C while it is loaded ends as it does later.
    print("aborted", file=sys.stderr)  # noqa: T201 - nothing that prints is loaded
    sys.exit(130)

if __name__ == "__main__":
    main()
