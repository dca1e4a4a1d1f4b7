"""Convert weights from the format of a package to a model folder of timm or transformers."""
