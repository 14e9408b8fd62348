// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/collector_check.hpp"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <system_error>

#include "doctor/stream_check.hpp"
#include "transport/address/socket_options.hpp"

namespace ctflow {
namespace {

using Addresses = std::unique_ptr<addrinfo, void (*)(addrinfo*)>;

/// Null, with the reason in `error`, when there is none.
Addresses look_up(const std::string& host, std::uint16_t port, std::string& error) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  if (port == 0) hints.ai_flags = AI_NUMERICHOST;  // a source address
  addrinfo* result = nullptr;
  const int code = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &result);
  if (code != 0) error = gai_strerror(code);
  return {code == 0 ? result : nullptr, freeaddrinfo};
}

/// A socket that closes itself.
class Socket {
 public:
  Socket(int family, int type) : descriptor_(socket(family, type | SOCK_CLOEXEC, 0)) {}
  ~Socket() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  Socket(Socket&&) = delete;
  Socket& operator=(Socket&&) = delete;

  [[nodiscard]] int get() const { return descriptor_; }

 private:
  int descriptor_;
};

std::string reason() { return std::generic_category().message(errno); }

/// Why not; nothing: it can be sent to.
std::optional<std::string> connect_to(int descriptor, const CollectorConfig& collector,
                                      const addrinfo& to) {
  if (!collector.bind_device.empty() &&
      setsockopt(descriptor, SOL_SOCKET, SO_BINDTODEVICE, collector.bind_device.c_str(),
                 static_cast<socklen_t>(collector.bind_device.size())) != 0) {
    return "bind_device " + collector.bind_device + ": " + reason();
  }
  if (!collector.source_address.empty()) {
    std::string error;
    const Addresses from = look_up(collector.source_address, 0, error);
    if (!from || bind(descriptor, from->ai_addr, from->ai_addrlen) != 0) {
      return "source_address " + collector.source_address + ": " + (from ? reason() : error);
    }
  }
  if (connect(descriptor, to.ai_addr, to.ai_addrlen) == 0 || errno == EINPROGRESS) {
    return std::nullopt;
  }
  return reason();
}

void check_mtu(int descriptor, const CollectorConfig& collector, int family, Findings& found) {
  constexpr std::size_t kUdp = 8;
  const bool ipv6 = family == AF_INET6;
  const std::size_t headers = kUdp + (ipv6 ? 40 : 20);
  int mtu = 0;
  socklen_t length = sizeof mtu;
  if (getsockopt(descriptor, ipv6 ? IPPROTO_IPV6 : IPPROTO_IP, ipv6 ? IPV6_MTU : IP_MTU, &mtu,
                 &length) != 0) {
    found.unchecked.push_back("the MTU towards " + collector.name + ": " + reason());
    return;
  }
  const auto room = static_cast<std::size_t>(mtu) - headers;
  const std::size_t longest = longest_datagram(collector, ipv6);
  if (longest <= room) return;
  found.wrong.push_back(
      {"message_larger_than_mtu",
       fmt::format("messages of up to {} octets to {} do not fit into the route's MTU of {}: they "
                   "leave in fragments, and one lost fragment loses the whole message",
                   longest, collector.name, mtu),
       fmt::format("set max_message_size to {} or less", room)});
}

/// What the host answers to an empty datagram; 0: nothing.
int answer_of(int descriptor, std::chrono::milliseconds patience) {
  if (send(descriptor, nullptr, 0, 0) < 0) return errno;
  pollfd ready{descriptor, 0, 0};  // errors are always told
  if (poll(&ready, 1, static_cast<int>(patience.count())) <= 0) return 0;
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &length);
  return error;
}

void check_answer(int error, const CollectorConfig& collector, Findings& found) {
  if (error == 0) return;
  const std::string text = std::generic_category().message(error);
  if (error == ECONNREFUSED) {
    found.wrong.push_back(
        {"collector_refused",
         fmt::format(
             "the host of {} answers that no program listens at {} port {}: what is sent is "
             "lost",
             collector.name, collector.address, collector.port),
         "start the collector, or correct its address and port"});
  } else {
    found.wrong.push_back(
        {"collector_unreachable",
         fmt::format("{} cannot be reached at {}: {}", collector.name, collector.address, text),
         "mend the route or the packet filter on the way"});
  }
}

Findings check_datagrams(const CollectorConfig& collector, std::chrono::milliseconds patience) {
  Findings found;
  std::string error;
  const Addresses to = look_up(collector.address, collector.port, error);
  if (!to) {
    found.wrong.push_back({"collector_unresolved",
                           fmt::format("{} has no address, the flows for {} are lost: {}",
                                       collector.address, collector.name, error),
                           "correct the address or the name service"});
    return found;
  }
  const Socket socket(to->ai_family, SOCK_DGRAM);
  if (const auto why = connect_to(socket.get(), collector, *to)) {
    found.wrong.push_back({"collector_unreachable",
                           fmt::format("there is no way to {}: {}", collector.name, *why),
                           "ip route get " + collector.address});
    return found;
  }
  check_mtu(socket.get(), collector, to->ai_family, found);
  check_answer(answer_of(socket.get(), patience), collector, found);
  return found;
}

}  // namespace

Findings check_collector(const CollectorConfig& collector, const StatusConfig& status,
                         const Patience& patience) {
  switch (collector.transport) {
    case TransportKind::kFile:
      return {};
    case TransportKind::kTcp:
    case TransportKind::kTls:
      return check_stream(collector, status, patience.connection);
    case TransportKind::kUdp:
      break;
  }
  return check_datagrams(collector, patience.datagram);
}

}  // namespace ctflow
