"""`python -m backhand`."""

from backhand.cli import main

main()
