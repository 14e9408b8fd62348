// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/own_connections.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/ip/udp.hpp>
#include <optional>
#include <set>
#include <tuple>

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

/// Some order: thousands of collectors are too many to be searched for each.
struct Order {
  bool operator()(const OwnConnection& one, const OwnConnection& other) const {
    const auto key = [](const OwnConnection& of) {
      return std::tie(of.family, of.protocol, of.remote_port, of.local.octets, of.remote.octets);
    };
    return key(one) < key(other);
  }
};

}  // namespace

bool OwnConnections::update(const std::vector<RemotePeer>& peers) {
  std::vector<OwnConnection> in_use;
  std::set<OwnConnection, Order> used;
  for (const RemotePeer& peer : peers) {
    const auto found = connection_to(peer);
    if (found && used.insert(*found).second) in_use.push_back(*found);
  }
  const std::size_t before = all_.size();
  std::erase_if(all_, [&](const OwnConnection& one) { return used.contains(one); });
  const std::size_t known = before - all_.size();
  // Without one in use the messages to it would be flows, and these make further messages.
  const std::size_t most = peers.size() + kMost;
  const std::size_t sum = all_.size() + in_use.size();
  const std::size_t surplus = sum > most ? sum - most : 0;
  all_.erase(all_.begin(), all_.begin() + static_cast<std::ptrdiff_t>(surplus));
  all_.insert(all_.end(), in_use.begin(), in_use.end());  // in use: the last to be removed
  return known != in_use.size() || surplus > 0;
}

}  // namespace ctflow
