"""The only AWS calls: clients, look-ups by tag, secrets."""
