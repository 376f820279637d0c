"""What runs inside an image."""
