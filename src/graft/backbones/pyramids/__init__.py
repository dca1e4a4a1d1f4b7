"""Trunks that yield feature maps at several resolutions, and what heads on them share."""
