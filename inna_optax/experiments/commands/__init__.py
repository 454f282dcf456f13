"""What can be asked for: each command, and the command line that calls it."""
