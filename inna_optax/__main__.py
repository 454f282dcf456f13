"""Entry point of the command line: `inna-optax`, or `python -m inna_optax`."""

import sys

from inna_optax._address import pip_install


def main() -> int:
    """Runs the command line; returns the exit status."""
    try:
        from inna_optax.experiments.commands import command_line

        return command_line.main(sys.argv[1:])
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("inna_optax"):
            raise
        print(
            f"inna-optax: the command line needs {error.name!r}, which is not"
            f" installed: {pip_install('experiments')}",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:  # while modules are imported
        print("inna-optax: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
