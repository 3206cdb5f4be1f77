"""`python -m staycalm.cli` is `sc`."""

from staycalm.cli.main import main

main()
