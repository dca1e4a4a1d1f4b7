"""Backbones: pretrained networks, described so that nothing above needs to know their library."""
