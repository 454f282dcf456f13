"""What a user can put right."""


class UserError(Exception):
    """A mistake in what was typed or in a file: one line, exit status 2."""


class ArgumentError(UserError):
    """A bad value of one argument; the command line names the option instead."""

    def __init__(self, argument: str, message: str) -> None:
        super().__init__(f"{argument} {message}")
        self.argument, self.message = argument, message
