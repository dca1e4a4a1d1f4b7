"""Adapters that are saved beside a network, and layers that stay in one."""
