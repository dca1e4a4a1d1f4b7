"""Runs and studies as folders: what was asked, one run, many runs side by side."""
