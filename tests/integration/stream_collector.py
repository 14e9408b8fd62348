#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""An IPFIX collector for TCP and TLS (RFC 7011 section 10.4) that writes what each connection brings
to a file of its own, unbuffered: what was read is on record whatever happens to the collector.

SIGTERM: reads what is under way, then ends. SIGUSR1: resets all connections (RST). SIGUSR2: stops (SIGSTOP) when
what it has read is written.
"""

import argparse
import os
import selectors
import signal
import socket
import ssl
import struct
import sys
import time


class Collector:
    def __init__(self, options):
        self._directory = options.directory
        self._context = None
        if options.certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(options.certificate, options.key)
            if options.authority:
                self._context.verify_mode = ssl.CERT_REQUIRED
                self._context.load_verify_locations(options.authority)
        self._selector = selectors.DefaultSelector()
        self._files = {}
        self._ending = None
        listener = socket.create_server((options.address, options.port), reuse_port=False)
        listener.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ)
        self._listener = listener
        signal.signal(signal.SIGTERM, lambda *_: setattr(self, "_ending", time.monotonic()))
        self._wanted = set()  # signals that came
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(number, lambda received, _: self._wanted.add(received))

    def run(self):
        while self._ending is None or time.monotonic() - self._ending < 0.5:
            for key, _ in self._selector.select(0.1):
                if key.fileobj is self._listener:
                    self._accept()
                else:
                    self._read(key.fileobj)
            self._obey()

    def _obey(self):
        if signal.SIGUSR2 in self._wanted:
            self._wanted.remove(signal.SIGUSR2)
            os.kill(os.getpid(), signal.SIGSTOP)
        if signal.SIGUSR1 in self._wanted:
            self._wanted.remove(signal.SIGUSR1)
            self._reset()

    def _accept(self):
        connection, _ = self._listener.accept()
        if self._context:
            connection.settimeout(5)
            try:
                connection = self._context.wrap_socket(connection, server_side=True)
            except OSError as error:
                print(f"handshake: {error}", flush=True)
                connection.close()
                return
            print(f"handshake: {connection.version()}", flush=True)
        connection.setblocking(False)
        path = f"{self._directory}/{time.monotonic_ns()}.ipfix"
        self._files[connection] = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        self._selector.register(connection, selectors.EVENT_READ)

    def _read(self, connection):
        while True:
            try:
                data = connection.recv(65536)
            except (BlockingIOError, ssl.SSLWantReadError):
                return
            except OSError as error:
                print(f"connection: {error}", flush=True)
                data = b""
            if not data:
                self._forget(connection)
                return
            os.write(self._files[connection], data)
            if self._ending:
                self._ending = time.monotonic()

    def _forget(self, connection):
        self._selector.unregister(connection)
        os.close(self._files.pop(connection))
        connection.close()

    def _reset(self):
        for connection in list(self._files):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._forget(connection)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("directory")
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--authority", help="clients must show a certificate that it signed")
    Collector(parser.parse_args()).run()
    sys.exit(0)


if __name__ == "__main__":
    main()
