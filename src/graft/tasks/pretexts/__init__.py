"""What is learnt from unlabeled samples before or beside a task."""
