"""Runs the command line as ``python -m shop``."""

from shop.cli import main

if __name__ == "__main__":
    main()
