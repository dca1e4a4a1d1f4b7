"""Networks of Keras as modules of PyTorch: translated when opened, written back when saved."""
