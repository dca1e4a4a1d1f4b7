"""What the techniques share that keep a network from overfitting few labels."""
