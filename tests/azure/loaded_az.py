"""The real az without its start: one process has loaded it, and each call is a fork of that.

    loaded_az.py serve SOCKET           says "{}" on standard output when it answers
    loaded_az.py call SOCKET WORD...    what `az WORD...` does, where it was called

az takes a second to load what a millisecond uses, and a test calls it dozens of times.
"""

import array
import json
import os
import signal
import socket
import sys

LENGTH = 4
STREAMS = (0, 1, 2)


def read(connection, count):
    found = b""
    while len(found) < count:
        part = connection.recv(count - len(found))
        if not part:
            raise EOFError
        found += part
    return found


def load():
    """Import what the scripts' commands need."""
    import contextlib
    import io

    from azure.cli.core import get_default_cli

    for command in ("webapp config show", "group show", "account show", "rest", "cloud show"):
        with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
            get_default_cli().invoke([*command.split(), "--help"])


def answer(connection):
    """Be the az of this call, and tell how it ended."""
    import runpy

    numbers = array.array("i")
    length, ancillary, _, _ = connection.recvmsg(LENGTH, socket.CMSG_SPACE(len(STREAMS) * numbers.itemsize))
    for _, _, data in ancillary:
        numbers.frombytes(data)
    words, environment, folder = json.loads(read(connection, int.from_bytes(length, "big")))
    for stream, number in zip(STREAMS, numbers):
        os.dup2(number, stream)
        os.close(number)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = ["az", *words]
    code = 0
    try:
        runpy.run_module("azure.cli", run_name="__main__")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    sys.stdout.flush()
    sys.stderr.flush()
    connection.sendall(bytes([code]))


def serve(path):
    load()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    # Nobody waits for the children: each tells its own caller.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print("{}", flush=True)
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listener.close()
            code = 1
            try:
                answer(connection)
                code = 0
            finally:
                os._exit(code)
        connection.close()


def call(path, words):
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    message = json.dumps([words, dict(os.environ), os.getcwd()]).encode()
    streams = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", STREAMS))]
    connection.sendmsg([len(message).to_bytes(LENGTH, "big")], streams)
    connection.sendall(message)
    code = connection.recv(1)
    sys.exit(code[0] if code else 1)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
    else:
        call(sys.argv[2], sys.argv[3:])
