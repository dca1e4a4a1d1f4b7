"""What techniques share that keep what a network was pretrained on."""
