"""Plugins: update-center document, resolution, lock file, verified download. Only `fetch` speaks HTTP."""
