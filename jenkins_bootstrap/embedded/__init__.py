"""The machine without accounts: an emulated AWS and GitHub."""
