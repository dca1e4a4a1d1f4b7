"""Scores: estimates of how well a backbone will transfer, without training. One file a score."""
