"""What stands on the features of a network, one file each."""
