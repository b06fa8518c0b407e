"""``python -m smki_testca`` is the command."""

from smki_testca.cli import main

if __name__ == "__main__":
    main()
