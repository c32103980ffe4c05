"""The doors in: what the outside world calls a network becomes ours."""
