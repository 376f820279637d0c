"""The only GitHub calls: sign-in and listing."""
