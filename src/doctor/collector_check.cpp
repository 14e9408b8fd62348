// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/collector_check.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/ip/udp.hpp>
#include <cerrno>
#include <optional>

#include "doctor/fixes.hpp"
#include "doctor/stream_check.hpp"
#include "process/descriptor.hpp"
#include "text/errno_text.hpp"
#include "text/people_text.hpp"
#include "transport/address/lookup.hpp"
#include "transport/address/socket_options.hpp"

namespace ctflow {
namespace {

using boost::asio::ip::udp;

/// Numeric addresses included. Nothing, with the reason in `error`, when there is none.
std::optional<udp::endpoint> look_up(const std::string& host, std::uint16_t port,
                                     std::string& error) {
  Lookup::Addresses found;
  const Lookup::Error failure = Lookup::ask_system(host, found);
  if (failure) error = failure.message();
  if (failure || found.empty()) return std::nullopt;
  return udp::endpoint(found.front(), port);
}

/// Why it fails; nothing: datagrams can be sent.
std::optional<std::string> connect_to(int descriptor, const CollectorConfig& collector,
                                      const udp::endpoint& to) {
  if (!collector.bind_device.empty() &&
      setsockopt(descriptor, SOL_SOCKET, SO_BINDTODEVICE, collector.bind_device.c_str(),
                 static_cast<socklen_t>(collector.bind_device.size())) != 0) {
    return "bind_device " + collector.bind_device + ": " + text::errno_text();
  }
  if (!collector.source_address.empty()) {
    std::string error;
    const auto from = look_up(collector.source_address, 0, error);
    if (!from || bind(descriptor, from->data(), static_cast<socklen_t>(from->size())) != 0) {
      return "source_address " + collector.source_address + ": " +
             (from ? text::errno_text() : error);
    }
  }
  if (connect(descriptor, to.data(), static_cast<socklen_t>(to.size())) == 0 ||
      errno == EINPROGRESS) {
    return std::nullopt;
  }
  return text::errno_text();
}

void check_mtu(int descriptor, const CollectorConfig& collector, int family, Findings& found) {
  constexpr std::size_t kUdp = 8;
  const bool ipv6 = family == AF_INET6;
  const std::size_t headers = kUdp + (ipv6 ? 40 : 20);
  int mtu = 0;
  socklen_t length = sizeof mtu;
  if (getsockopt(descriptor, ipv6 ? IPPROTO_IPV6 : IPPROTO_IP, ipv6 ? IPV6_MTU : IP_MTU, &mtu,
                 &length) != 0) {
    found.unchecked.push_back("the MTU towards collector " + collector.name + ": " +
                              text::errno_text());
    return;
  }
  const auto room = static_cast<std::size_t>(mtu) - headers;
  const std::size_t longest = longest_datagram(collector, ipv6);
  if (longest <= room) return;
  found.wrong.push_back(
      {"message_larger_than_mtu",
       fmt::format("messages of up to {} octets exceed the route's MTU of {}: they are fragmented, "
                   "and a message is lost if any fragment is",
                   text::count_text(longest), text::count_text(static_cast<std::uint64_t>(mtu))),
       fmt::format("set max_message_size to {} or less", room)});
}

/// The ICMP error that an empty datagram causes; 0: none.
int answer_of(int descriptor, std::chrono::milliseconds patience) {
  if (send(descriptor, nullptr, 0, 0) < 0) return errno;
  pollfd ready{descriptor, 0, 0};  // errors are always reported
  if (poll(&ready, 1, static_cast<int>(patience.count())) <= 0) return 0;
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &length);
  return error;
}

void check_answer(int error, const CollectorConfig& collector, Findings& found) {
  if (error == 0) return;
  if (error == ECONNREFUSED) {
    found.wrong.push_back(
        {"collector_refused",
         fmt::format("the host answers that no program listens at {} port {}: messages are lost",
                     collector.address, collector.port),
         "start the collector, or correct its address and port"});
  } else {
    found.wrong.push_back(
        {"collector_unreachable",
         fmt::format("{} cannot be reached: {}", collector.address, text::errno_text(error)),
         "correct the route or the packet filter on the path"});
  }
}

Findings check_datagrams(const CollectorConfig& collector, std::chrono::milliseconds patience) {
  Findings found;
  std::string error;
  const auto to = look_up(collector.address, collector.port, error);
  if (!to) {
    found.wrong.push_back(
        {"collector_unresolved",
         fmt::format("{} has no address, its flows are lost: {}", collector.address, error),
         "correct the address or the name service"});
    return found;
  }
  const int family = to->protocol().family();
  const Descriptor socket(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const std::optional<std::string> why = socket.is_open()
                                             ? connect_to(socket.number(), collector, *to)
                                             : std::optional(text::errno_text());
  if (why) {
    found.wrong.push_back({"collector_unreachable",
                           fmt::format("{} cannot be reached: {}", collector.address, *why),
                           fix_of_way(collector)});
    return found;
  }
  check_mtu(socket.number(), collector, family, found);
  check_answer(answer_of(socket.number(), patience), collector, found);
  return found;
}

}  // namespace

Findings check_collector(const CollectorConfig& collector, const StatusConfig& status,
                         const Patience& patience) {
  Findings found;
  switch (collector.transport) {
    case TransportKind::kFile:
      break;
    case TransportKind::kTcp:
    case TransportKind::kTls:
      found = check_stream(collector, status, patience.connection);
      break;
    case TransportKind::kUdp:
      found = check_datagrams(collector, patience.datagram);
      break;
  }
  set_subject(found.wrong, 0, collector.name);
  return found;
}

}  // namespace ctflow
