# SPDX-License-Identifier: BSD-2-Clause
"""TCP ports for programs that want to be told theirs."""
import random
import socket

_held = {}   # port -> the socket whose name is the claim to it


def free_port(wanted=0):
    """`wanted` if it is free, else another one. It belongs to this process until it ends: chains that are started beside
    each other, or stop a program and start it again, never take one another's.

    The number lies below the range that the kernel uses for outgoing connections, so that none of these takes it either.
    """
    port = wanted
    while not port or not _claim(port):
        port = random.randrange(20000, 32000)
    return port


def _claim(port):
    """An abstract socket's name can be bound once, and is given back by the kernel, however its process ends."""
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0trivet port {port}")
    except OSError:
        claim.close()
        return False
    if not _unused(port):
        claim.close()
        return False
    _held[port] = claim
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
