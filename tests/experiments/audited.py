"""Runs the command line and watches what Python asks of the system for it.

`python audited.py list FILE ARGUMENTS...` writes to FILE, a line each, every path that
is changed, and every event that should not happen at all.
`python audited.py kill N FOLDER ARGUMENTS...` kills the process, as `kill -9` does,
when it is about to make the N-th change in FOLDER.

A change makes, opens for writing, renames, links, truncates or removes something.
(Arrays are written by a library of C++, between two changes that Python makes.)
"""

import os
import pathlib
import signal
import sys

from inna_optax.__main__ import main

# Event -> the places, among its arguments, of each path that changes and of the
# descriptor of the folder to which it is relative (-1 for the working directory).
CHANGES = {
    "os.mkdir": ((0, 2),),
    "os.rename": ((0, 2), (1, 3)),
    "os.link": ((1, 3),),
    "os.symlink": ((1, 2),),
    "os.remove": ((0, 1),),
    "os.rmdir": ((0, 1),),
    "os.truncate": ((0, None),),
    "os.chmod": ((0, 2),),
}
# Reading a pickle, running a program, reaching the network.
FORBIDDEN = {
    "pickle.find_class",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.system",
    "subprocess.Popen",
    "socket.bind",
    "socket.connect",
}


def changed(event, arguments):
    """The paths that an event is about to change."""
    if event == "open":
        path, _, flags = arguments
        writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR)
        paths = [(path, -1)] if writes else []
    else:
        paths = [
            (arguments[path], -1 if folder is None else arguments[folder])
            for path, folder in CHANGES.get(event, ())
        ]
    return [
        str(pathlib.Path.cwd().joinpath(_folder(descriptor), path))
        for path, descriptor in paths
        # A file may also be opened by its number.
        if isinstance(path, str | os.PathLike)
    ]


def _folder(descriptor):
    link = pathlib.Path(f"/proc/self/fd/{descriptor}")
    return "" if descriptor == -1 else link.readlink()


def list_into(found):
    def hook(event, arguments):
        found.update(changed(event, arguments))
        if event in FORBIDDEN:
            found.add(f"{event} {arguments}")

    return hook


def kill_at(n, folder):
    left = n

    def hook(event, arguments):
        nonlocal left
        changes = sum(path.startswith(folder) for path in changed(event, arguments))
        left -= changes
        if changes and left <= 0:  # the kill is an event, too
            os.kill(os.getpid(), signal.SIGKILL)

    return hook


if __name__ == "__main__":
    mode, *rest = sys.argv[1:]
    if mode == "kill":
        n, folder, *arguments = rest
        sys.addaudithook(kill_at(int(n), folder))
        sys.argv = ["inna-optax", *arguments]
        sys.exit(main())
    file, *arguments = rest
    found: set[str] = set()
    with pathlib.Path(file).open("w") as stream:
        sys.addaudithook(list_into(found))
        sys.argv = ["inna-optax", *arguments]
        status = main()
        stream.write("\n".join(sorted(found)))
    sys.exit(status)
