"""What is learned from unlabeled samples before or beside a task."""
