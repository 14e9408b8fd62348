// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/own_connections.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/ip/udp.hpp>
#include <optional>

#include "process/descriptor.hpp"
#include "text/endpoint_text.hpp"

namespace ctflow {
namespace {

using boost::asio::ip::udp;

/// As conntrack has it: packets to ::ffff:192.0.2.1 are of IPv4.
boost::asio::ip::address as_sent(const boost::asio::ip::address& address) {
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
  return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address.to_v6());
}

/// Nothing: the text is no address with a port.
std::optional<udp::endpoint> endpoint_of(const std::string& text) {
  const auto parts = text::split_endpoint(text);
  if (!parts || !parts->port) return std::nullopt;
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(parts->host, error);
  if (error) return std::nullopt;
  return udp::endpoint(as_sent(address), *parts->port);
}

IpAddress octets_of(const boost::asio::ip::address& address) {
  IpAddress result;
  if (address.is_v4()) {
    const auto bytes = address.to_v4().to_bytes();
    std::copy(bytes.begin(), bytes.end(), result.octets.begin());
  } else {
    const auto bytes = address.to_v6().to_bytes();
    std::copy(bytes.begin(), bytes.end(), result.octets.begin());
  }
  return result;
}

/// The address that the kernel would send from: connecting a datagram socket sends nothing.
/// Nothing: there is no route.
std::optional<boost::asio::ip::address> source_towards(const RemotePeer& peer,
                                                       const udp::endpoint& remote) {
  boost::system::error_code error;
  if (!peer.source_address.empty()) {
    const auto given = boost::asio::ip::make_address(peer.source_address, error);
    if (error) return std::nullopt;
    return as_sent(given);
  }
  const Descriptor socket(::socket(remote.protocol().family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) return std::nullopt;
  if (!peer.bind_device.empty()) {
    setsockopt(socket.number(), SOL_SOCKET, SO_BINDTODEVICE, peer.bind_device.c_str(),
               static_cast<socklen_t>(peer.bind_device.size()));
  }
  udp::endpoint local;
  auto length = static_cast<socklen_t>(local.capacity());
  const bool known =
      connect(socket.number(), remote.data(), static_cast<socklen_t>(remote.size())) == 0 &&
      getsockname(socket.number(), local.data(), &length) == 0;
  if (!known) return std::nullopt;
  return local.address();
}

std::optional<OwnConnection> connection_to(const RemotePeer& peer) {
  const auto remote = endpoint_of(peer.endpoint);
  if (!remote) return std::nullopt;
  const auto source = source_towards(peer, *remote);
  if (!source) return std::nullopt;
  return OwnConnection{remote->address().is_v4() ? AddressFamily::kIpv4 : AddressFamily::kIpv6,
                       static_cast<std::uint8_t>(peer.datagrams ? IPPROTO_UDP : IPPROTO_TCP),
                       remote->port(), octets_of(*source), octets_of(remote->address())};
}

}  // namespace

bool OwnConnections::update(const std::vector<RemotePeer>& peers) {
  const std::vector<OwnConnection> before = all_;
  for (const RemotePeer& peer : peers) {
    const auto found = connection_to(peer);
    if (!found) continue;
    const auto known = std::find(all_.begin(), all_.end(), *found);
    if (known == all_.end()) {
      all_.push_back(*found);
    } else {
      std::rotate(known, known + 1, all_.end());  // in use: the last to be removed
    }
  }
  // Without one in use the messages to it would be flows, and these make further messages.
  const std::size_t most = peers.size() + kMost;
  if (all_.size() > most) {
    all_.erase(all_.begin(), all_.end() - static_cast<std::ptrdiff_t>(most));
  }
  return !std::is_permutation(before.begin(), before.end(), all_.begin(), all_.end());
}

}  // namespace ctflow
