"""Moving averages of weights, beside the weights themselves."""
