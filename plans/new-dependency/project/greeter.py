"""Greets through a C library."""
