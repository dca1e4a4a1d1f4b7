"""What several tasks at once are made of: outputs, targets, baselines."""
