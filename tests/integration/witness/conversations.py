# SPDX-License-Identifier: GPL-2.0-or-later
"""Random traffic. A conversation is a generator that yields how many seconds it waits; all of them
run side by side in one thread (play.Timetable). What is sent counts nowhere: the kernel counts."""

import contextlib
import errno
import socket
import struct

import traffic
from lab import SERVER4, SERVER6

ADDRESSES = 60  # of client and server each, besides their own: one for each conversation
VIRTUAL4, VIRTUAL6 = "203.0.113.250", "2001:db8:2::fa"  # unassigned; translated to SERVER
_PATIENCE = 5.0  # seconds until an answer is given up
_POLL = 0.01
_GENERIC = 253  # for experimentation (RFC 3692)

# Destination ports, by what happens to them; see lines of rules below.
PLAIN, DNAT, ZONE, HALF_ZONE, SILENT, DEAF, MUTE = (range(low, low + 400) for low in range(
    5000, 7800, 400))
REWRITTEN = 20000  # a translated port is this much higher


def client(number, family):
    return f"10.10.0.{10 + number}" if family == socket.AF_INET else f"2001:db8:1::{16 + number:x}"


def server(number, family):
    return (f"203.0.113.{10 + number}" if family == socket.AF_INET
            else f"2001:db8:2::{16 + number:x}")


def prepare(lab, scenario):
    """Addresses, and the rules that make ports special."""
    for host, address in ((lab.client, client), (lab.server, server)):
        lines = [f"addr add {address(number, family)}/{length} dev eth0"
                 for number in range(ADDRESSES)
                 for family, length in ((socket.AF_INET, 24), (socket.AF_INET6, 64))]
        host.run("ip", "-batch", "-", input="\n".join(lines) + "\n")
    lab.server.run("nft", "-f", "-", input=_host_rules(
        f"tcp dport {_span(SILENT)} drop", f"tcp dport {_span(DEAF)} meta length > 200 drop"))
    lab.client.run("nft", "-f", "-", input=_host_rules(
        f"tcp sport {_span(MUTE)} tcp flags & (syn | ack) == (syn | ack) drop"))
    if scenario.nat44:
        lab.rules("source_nat", 'meta nfproto ipv4 oifname "wan" masquerade')
    if scenario.nat66:
        lab.rules("source_nat", 'meta nfproto ipv6 oifname "wan" masquerade')
    lab.rules("destination_nat", *(
        f"{family} daddr {virtual} {protocol} dport {port} dnat {family} to "
        f"{address}:{port + REWRITTEN}"
        for family, virtual, address in (("ip", VIRTUAL4, SERVER4),
                                         ("ip6", VIRTUAL6, f"[{SERVER6}]"))
        for protocol in ("tcp", "udp") for port in DNAT[:ADDRESSES]))
    if scenario.zones:
        lab.rules("raw_prerouting",
                  *(f"{protocol} {side} {_span(ZONE)} ct zone set 9"
                    for protocol in ("tcp", "udp") for side in ("sport", "dport")),
                  *(f"{protocol} dport {_span(HALF_ZONE)} ct original zone set 7"
                    for protocol in ("tcp", "udp")))


def _span(ports):
    return f"{ports[0]}-{ports[-1]}"


def _host_rules(*rules):
    return "\n".join(["add table inet quiet", "add chain inet quiet input "
                      "{ type filter hook input priority 10; }",
                      *(f"add rule inet quiet input {rule}" for rule in rules)]) + "\n"


class Place:
    """Where one conversation happens: addresses and ports of its own."""

    def __init__(self, lab, scenario, rng, number):
        self.lab, self.rng, self.patience = lab, rng, scenario.patience
        self.family = rng.choice((socket.AF_INET, socket.AF_INET6))
        ranges = [PLAIN] * 3 + [DNAT] * (3 * scenario.dnat)
        if scenario.zones:
            ranges += [ZONE] * 2 + [HALF_ZONE]
        self.here = (client(number, self.family), rng.randrange(10000, 30000))
        self.move(rng.choice(ranges), number)

    def move(self, ports, number):
        """To another kind of port."""
        port = ports[number]
        self.there = (server(number, self.family), port)  # where the server listens
        self.target = self.there  # where the client sends to
        if ports == DNAT:
            v4 = self.family == socket.AF_INET
            self.target = (VIRTUAL4 if v4 else VIRTUAL6, port)
            self.there = (SERVER4 if v4 else SERVER6, port + REWRITTEN)
        return self

    def pause(self):
        """Mostly short, sometimes long."""
        return self.rng.random() ** 3 * self.patience

    def size(self):
        return self.rng.choice((0, 1, 20, 100, 600, 1200))

    @contextlib.contextmanager
    def sockets(self, kind, protocol=0, ports=True):
        with contextlib.ExitStack() as stack:
            both = []
            for namespace, address in ((self.lab.client, self.here), (self.lab.server, self.there)):
                sock = stack.enter_context(contextlib.closing(
                    namespace.socket(self.family, kind, protocol)))
                if kind != socket.SOCK_RAW:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind(address if ports else (address[0], 0))
                sock.setblocking(False)
                both.append(sock)
            yield both


def _until(ready):
    """Waits until `ready()` gives something but None; None after a while."""
    waited = 0.0
    while waited < _PATIENCE:
        value = ready()
        if value is not None:
            return value
        yield _POLL
        waited += _POLL
    return None


def _received(sock):
    with contextlib.suppress(OSError):  # nothing there, refused, reset
        return sock.recvfrom(65535)
    return None


def _sent(sock, data):
    with contextlib.suppress(OSError):  # refused, reset, no room
        sock.send(data)


def udp(place, protocol=socket.IPPROTO_UDP):
    """Datagrams there, some of them answered."""
    answers = place.rng.choice((0.0, 0.5, 1.0))
    with place.sockets(socket.SOCK_DGRAM, protocol) as (here, there):
        here.connect(place.target)
        for _ in range(place.rng.randint(1, 12)):
            _sent(here, bytes(place.size()))
            if place.rng.random() < answers:
                got = yield from _until(lambda: _received(there))
                if got:
                    there.sendto(bytes(place.size()), got[1])
                    yield from _until(lambda: _received(here))
            yield place.pause()


def udp_refused(place):
    """Without a listener: ICMP errors, which conntrack does not count."""
    with contextlib.closing(place.lab.client.socket(place.family, socket.SOCK_DGRAM)) as here:
        here.bind(place.here)
        here.connect(place.there)
        for _ in range(place.rng.randint(1, 4)):
            _sent(here, bytes(place.size()))
            yield place.pause()


def udplite(place):
    try:
        place.lab.client.socket(place.family, socket.SOCK_DGRAM, traffic.UDPLITE).close()
    except OSError:  # not in this kernel
        yield from udp(place)
    else:
        yield from udp(place, traffic.UDPLITE)


def echo(place):
    """ICMP or ICMPv6; the server's kernel answers."""
    protocol, request, _ = traffic.ECHO[place.family]
    identifier = place.rng.randrange(1, 65536)
    with contextlib.closing(place.lab.client.socket(place.family, socket.SOCK_RAW,
                                                    protocol)) as sock:
        sock.bind((place.here[0], 0))
        sock.connect((place.there[0], 0))
        for number in range(place.rng.randint(1, 6)):
            message = struct.pack("!BBHHH", request, 0, 0, identifier, number) + bytes(place.size())
            if place.family == socket.AF_INET:
                message = message[:2] + traffic.checksum(message) + message[4:]
            sock.send(message)
            yield place.pause()


def _raw(place, protocol, packets):
    with place.sockets(socket.SOCK_RAW, protocol, ports=False) as (here, there):
        here.connect((place.there[0], 0))
        peer = None
        for forward, content in packets:
            if forward:
                here.send(content)
                got = yield from _until(lambda: _received(there))
                peer = got and got[1]
            elif peer:
                there.sendto(content, peer)
                yield from _until(lambda: _received(here))
            yield place.pause()


def generic(place):
    """A protocol that conntrack knows nothing of."""
    yield from _raw(place, _GENERIC, [(place.rng.random() < 0.7, bytes(place.size() + 1))
                                      for _ in range(place.rng.randint(1, 8))])


def gre(place):
    header = struct.pack("!HHI", 0, 0x0800, 0)  # NAT drops less than eight octets
    yield from _raw(place, traffic.GRE, [(place.rng.random() < 0.7, header + bytes(place.size()))
                                         for _ in range(place.rng.randint(1, 8))])


def sctp(place):
    """An association that is set up, and perhaps aborted."""
    count = place.rng.randint(1, 5)
    ports = (place.here[1], place.there[1])
    yield from _raw(place, traffic.SCTP, traffic.sctp_packets(ports)[:count])


# TCP: how a connection ends.

def _connected(place, here, listener):
    """The server's end; None if it could not be made."""
    failure = here.connect_ex(place.target)
    if failure not in (0, errno.EINPROGRESS):
        return None
    return (yield from _until(lambda: _accepted(listener)))


def _accepted(listener):
    with contextlib.suppress(BlockingIOError):
        sock = listener.accept()[0]
        sock.setblocking(False)
        return sock
    return None


def _talk(place, here, there):
    for _ in range(place.rng.randint(0, 6)):
        sender, reader = place.rng.sample((here, there), 2)
        size = place.rng.choice((1, 100, 1400, 20000))
        _sent(sender, bytes(size))
        yield from _until(lambda: _received(reader))
        yield place.pause()


def _drain(*sockets):
    for sock in sockets:
        while (got := _received(sock)) and got[0]:
            pass  # so that closing does not reset


def tcp(place):
    """A connection that both close, one resets, or that idles."""
    end = place.rng.choice(("close", "close", "reset", "idle", "idle", "half"))
    with place.sockets(socket.SOCK_STREAM) as (here, listener):
        listener.listen()
        there = yield from _connected(place, here, listener)
        if there is None:
            return
        with contextlib.closing(there):
            yield from _talk(place, here, there)
            first, second = place.rng.sample((here, there), 2)
            _drain(first, second)
            if end == "reset":
                first.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                first.close()
            elif end == "half":
                with contextlib.suppress(OSError):  # it was reset
                    first.shutdown(socket.SHUT_WR)
                yield 2 * place.patience
            elif end == "idle":
                yield 4.0 + 2 * place.patience
            if end != "reset":
                first.close()
                yield place.pause()
            second.close()


def tcp_refused(place):
    with contextlib.closing(place.lab.client.socket(place.family, socket.SOCK_STREAM)) as here:
        here.setblocking(False)
        here.bind(place.here)
        here.connect_ex(place.there)
        yield place.pause()


def tcp_unanswered(place):
    """SYN without an answer (SILENT), or one that is answered over and over (MUTE)."""
    with place.sockets(socket.SOCK_STREAM) as (here, listener):
        listener.listen()
        here.connect_ex(place.target)
        yield place.rng.uniform(0.5, 4.0)


def tcp_unacknowledged(place):
    """Data that the server never sees: it is sent again and again."""
    with place.sockets(socket.SOCK_STREAM) as (here, listener):
        listener.listen()
        there = yield from _connected(place, here, listener)
        if there is None:
            return
        with contextlib.closing(there):
            _sent(here, bytes(place.rng.choice((10, 1000))))
            yield place.rng.uniform(0.5, 3.0)
            _sent(here, bytes(1000))
            yield place.rng.uniform(0.5, 3.0)


def again(place):
    """The same tuples twice: one connection, or two, as the timeouts have it."""
    what = place.rng.choice((udp, tcp, echo))
    for _ in range(2):
        with contextlib.suppress(OSError):  # the port is still in use
            yield from what(place)
        yield place.rng.uniform(0.0, 3.5)


_WEIGHTS = {again: 3, udp: 8, udp_refused: 2, udplite: 1, echo: 4, generic: 2, gre: 2, sctp: 2, tcp: 9,
            tcp_refused: 2, tcp_unanswered: 2, tcp_unacknowledged: 1}


def conversation(lab, scenario, rng, number):
    """One at random, at the place of this number."""
    what = rng.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
    place = Place(lab, scenario, rng, number)
    if what is tcp_unanswered:
        place.move(rng.choice((SILENT, MUTE)), number)
    elif what is tcp_unacknowledged:
        place.move(DEAF, number)
    elif what not in (udp, tcp, again):
        place.move(PLAIN, number)
    return what(place)


def storm(lab, number, rng):
    """One datagram to each of many ports."""
    with contextlib.closing(lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM)) as here:
        here.bind((client(0, socket.AF_INET), 9999))
        for port in range(40000, 40000 + number):
            with contextlib.suppress(ConnectionRefusedError):
                here.sendto(bytes(rng.randint(1, 400)), (server(0, socket.AF_INET), port))
            if port % 50 == 0:
                yield 0.02
