"""Repositories to job definitions and their XML."""
