# SPDX-License-Identifier: GPL-2.0-or-later
"""A name server of the test's own, for one name whose address the test changes."""

import contextlib
import os
import socket
import struct
import subprocess
import threading

_TYPE_A = 1


class NameServer:
    """Answers on 127.0.0.1:53 of a namespace, and is the resolver of the programs the test starts.

    `address`: what the name has now; None: the name server is silent.
    """

    def __init__(self, namespace, directory, address):
        self.address = address
        self.asked = 0
        self._socket = namespace.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 53))
        for name, text in (("resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"),
                           ("nsswitch.conf", "hosts: files dns\n")):
            path = f"{directory}/{name}"
            with open(path, "w", encoding="ascii") as file:
                file.write(text)
            if os.path.exists(f"/etc/{name}"):  # a mount of our own mount namespace
                subprocess.run(["mount", "--bind", path, os.path.realpath(f"/etc/{name}")],
                               check=True)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                query, peer = self._socket.recvfrom(512)
                self.asked += 1
                if self.address is not None:
                    self._socket.sendto(self._answer(query), peer)

    def _answer(self, query):
        end = query.index(b"\0", 12) + 5  # behind the name: type and class
        kind = struct.unpack("!H", query[end - 4:end - 2])[0]
        answers = int(kind == _TYPE_A)
        header = query[:2] + struct.pack("!HHHHH", 0x8180, 1, answers, 0, 0)
        record = struct.pack("!HHHIH", 0xC00C, _TYPE_A, 1, 0, 4) + socket.inet_aton(self.address)
        return header + query[12:end] + record * answers

    def close(self):
        self._socket.close()
