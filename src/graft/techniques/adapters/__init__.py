"""What techniques share that freeze a network and train what they add to its layers."""
