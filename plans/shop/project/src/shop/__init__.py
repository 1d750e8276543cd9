"""A small shop: a catalogue, baskets and their prices."""

from importlib.metadata import version

__version__ = version("shop")
