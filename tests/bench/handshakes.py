# SPDX-License-Identifier: BSD-2-Clause
"""handshakes.py ADDRESS PATH SECONDS THREADS: full TLS handshake, one HTTP/1.1 request, close, again and again; prints JSON."""
import json
import socket
import ssl
import sys
import threading
import time


def main():
    address, path, seconds, threads = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
    host, port = address.rsplit(':', 1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(['http/1.1'])
    request = f'GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'.encode()
    end, times, bad, lock = time.monotonic() + seconds, [], [0], threading.Lock()

    def work():
        mine = []
        while time.monotonic() < end:
            begun = time.monotonic()
            try:
                with context.wrap_socket(socket.create_connection((host, int(port)), 5), server_hostname='localhost') as connection:
                    connection.sendall(request)
                    good = connection.recv(65536).startswith(b'HTTP/1.1 200')
            except OSError:
                good = False
            if good:
                mine.append((time.monotonic() - begun) * 1000)
            else:
                bad[0] += 1
        with lock:
            times.extend(mine)
    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    times.sort()
    pick = lambda share: times[min(len(times) - 1, int(len(times) * share))] if times else None
    print(json.dumps(dict(requests=len(times), bad=bad[0], p50=pick(0.5), p99=pick(0.99))))


if __name__ == '__main__':
    main()
