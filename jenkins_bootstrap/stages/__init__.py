"""Renders the staged init scripts and compiles them with Groovy."""
