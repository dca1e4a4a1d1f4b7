"""`python -m graft.cli` is `graft`."""

from graft.cli.main import main

main()
