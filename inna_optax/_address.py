"""Where the project is: the one place from which messages take it."""

REPOSITORY = "https://github.com/inna-optax/inna-optax"


def pip_install(extra: str) -> str:
    """The command that installs the package with an extra."""
    return f"pip install 'inna-optax[{extra}] @ git+{REPOSITORY}'"
