"""The server beside Jenkins that hears of repositories from GitHub and keeps the jobs in step: the command `serve`."""
