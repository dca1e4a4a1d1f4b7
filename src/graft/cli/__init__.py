"""The command line: one function a verb, each a thin call of `graft.api`."""
