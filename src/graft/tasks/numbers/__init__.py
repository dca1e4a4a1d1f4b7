"""What the tasks share that predict a number."""
