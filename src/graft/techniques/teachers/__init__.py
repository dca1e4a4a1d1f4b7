"""Teachers: frozen networks whose outputs a technique learns from."""
