"""The only calls to a running Jenkins."""
