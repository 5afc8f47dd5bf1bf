"""`python -m cronapp`."""

from cronapp.cli import main

main()
