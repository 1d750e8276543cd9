"""A project that is measured."""
