"""What techniques share that weigh several tasks."""
