"""Runs the command as ``python -m smki_testca``."""

from smki_testca.cli import main

if __name__ == "__main__":
    main()
