"""What a user can put right."""


class UserError(Exception):
    """A mistake in what was typed or in a file: one line, exit status 2."""
