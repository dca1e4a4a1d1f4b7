"""How good predictions are where no labels say it: measures to choose adapted networks by."""
