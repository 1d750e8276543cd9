"""Is built in two ways."""
