# SPDX-License-Identifier: BSD-2-Clause
"""TCP ports for programs that want to be told theirs. A port belongs to the process that claimed it until this ends: chains
that are started beside each other, or stop a program and start it again, never take one another's."""
import random
import socket

_held = []   # sockets whose names are the claims


def free_port(wanted=0):
    """`wanted` if it is free, else another one, claimed; below the range that the kernel uses for outgoing connections."""
    port = wanted
    while not port or not _unused(port) or not claim(port):
        port = random.randrange(20000, 32000)
    return port


def claim(port):
    """Whether nobody had claimed it. An abstract socket's name can be bound once, and the kernel gives it back however its
    process ends."""
    claimed = socket.socket(socket.AF_UNIX)
    try:
        claimed.bind(f"\0trivet port {port}")
    except OSError:
        claimed.close()
        return False
    _held.append(claimed)
    return True


def _unused(port):
    for host in ("127.0.0.1", "0.0.0.0"):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind((host, port))
            except OSError:
                return False
    return True
