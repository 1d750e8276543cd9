"""Fetches a page."""
