"""`python -m preserve` is the same as `preserve`."""

from preserve.cli import main

main()
