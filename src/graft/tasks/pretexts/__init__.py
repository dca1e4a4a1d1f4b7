"""Objectives on unlabeled samples, before or next to a task."""
