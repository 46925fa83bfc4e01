# SPDX-License-Identifier: BSD-2-Clause
"""busy_server.py PORT FILE SECONDS: a server that works on one request at a time, and writes when it began and ended each."""
import selectors
import signal
import socket
import sys
import time

ANSWER = b'HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 2\r\n\r\nok'


def main():
    port, path, seconds = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    spans = []

    def stop(*_):
        with open(path, 'w') as file:
            file.writelines(f'{begun:.6f} {done:.6f}\n' for begun, done in spans)
        sys.exit(0)
    signal.signal(signal.SIGTERM, stop)
    listener = socket.create_server(('127.0.0.1', port), backlog=64)
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                connection = listener.accept()[0]
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(connection, selectors.EVENT_READ)
                continue
            begun = time.monotonic()
            try:
                if key.fileobj.recv(65536):
                    time.sleep(seconds)
                    key.fileobj.sendall(ANSWER)
                    spans.append((begun, time.monotonic()))
                    continue
            except OSError:
                pass
            selector.unregister(key.fileobj)
            key.fileobj.close()


if __name__ == '__main__':
    main()
