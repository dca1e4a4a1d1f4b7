"""The built-in backbones, one file each: pretrained networks that Python packages carry."""
