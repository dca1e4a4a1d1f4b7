"""From the form in which a package keeps its weights to a model folder of timm or transformers."""
