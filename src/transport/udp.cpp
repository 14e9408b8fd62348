// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/udp.hpp"

#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "transport/address/socket_options.hpp"

namespace ctflow {
namespace {

using boost::asio::ip::udp;
using Error = boost::system::error_code;

constexpr std::chrono::seconds kConnectRetry{1};
constexpr std::chrono::seconds kLookupRetry{5};

/// True for errors that mean that an address or a device of this host was removed: the socket keeps
/// those that it was connected with, a new one takes the present ones.
bool is_stale(const Error& error) {
  namespace errc = boost::system::errc;
  return error == errc::network_unreachable || error == errc::host_unreachable ||
         error == errc::address_not_available || error == errc::invalid_argument ||
         error == errc::no_such_device || error == errc::no_such_device_or_address;
}

SendResult lost_by(const std::error_code& error) {
  const bool full = error == std::errc::operation_would_block;
  return SendResult::lost(full ? LossReason::kWouldBlock : LossReason::kSendError);
}

}  // namespace

UdpTransport::UdpTransport(boost::asio::io_context& io, const CollectorConfig& config,
                           Lookup::Ask ask)
    : config_(config),
      lookup_(io, std::move(ask)),
      lookup_timer_(io),
      socket_(io),
      refused_peers_(boost::asio::use_service<Refusals>(io)) {
  Error error;
  const auto address = boost::asio::ip::make_address(config.address, error);
  if (!error) {
    endpoint_ = Endpoint(address, config.port);
  } else {
    look_up();
  }
}

void UdpTransport::look_up() {
  lookup_.start(config_.address, [this](const Error& error, const Lookup::Addresses& found) {
    on_answer(error, found);
  });
}

void UdpTransport::on_answer(const Error& error, const Lookup::Addresses& found) {
  std::vector<Endpoint> usable;
  usable.reserve(found.size());
  for (const auto& address : found) {
    if (fits_source(address, config_)) usable.emplace_back(address, config_.port);
  }
  if (usable.empty()) {
    const std::string reason =
        error ? error.message() : "no address of the source address's family";
    // A known address stays in use.
    if (!endpoint_) note_failure(FailureKind::kUnresolved, reason);
    if (lookup_log_.allow()) {
      log::warn(
          "collector_unresolved collector={} address={} error={} retry={}s suppressed={} "
          "impact=\"an address that is known stays in use; without one flow reports are lost\" "
          "fix=\"correct the name or the name server: getent hosts NAME\"",
          config_.name, log::quoted(config_.address), log::quoted(reason), kLookupRetry.count(),
          lookup_log_.suppressed());
    }
    look_up_after(kLookupRetry);
    return;
  }
  const bool still_valid =
      endpoint_ && std::find(usable.begin(), usable.end(), *endpoint_) != usable.end();
  known_ = std::move(usable);
  if (!still_valid) {
    endpoint_ = known_.front();
    connected_ = false;
    // A socket keeps the source address that suited its first peer.
    Error ignored;
    socket_.close(ignored);
    next_connect_ = {};
    log::info("collector_resolved collector={} address={} peer={}", config_.name,
              log::quoted(config_.address), peer());
  }
  look_up_after(config_.resolve_interval);
}

void UdpTransport::look_up_after(std::chrono::milliseconds delay) {
  lookup_timer_.after(delay, [this] { look_up(); });
}

void UdpTransport::open_socket(Error& error) {
  const bool ipv6 = endpoint_->address().is_v6();
  if (socket_.is_open()) {
    const Endpoint local = socket_.local_endpoint(error);
    if (!error && local.address().is_v6() == ipv6) return;  // keeps its source port
    socket_.close(error);
  }
  error.clear();
  socket_.open(ipv6 ? udp::v6() : udp::v4(), error);
  if (!error) socket_.non_blocking(true, error);
  if (!error) forgo_path_mtu_discovery(socket_, ipv6, error);
  apply_settings(socket_, ipv6, config_, error);
}

Error UdpTransport::connect_socket() {
  Error error;
  open_socket(error);
  if (!error) socket_.connect(*endpoint_, error);
  if (error) {
    Error ignored;
    socket_.close(ignored);
  }
  return error;
}

bool UdpTransport::connect_elsewhere(const Error& why) {
  const std::string before = peer();
  const std::optional<Endpoint> unreachable = endpoint_;
  for (const Endpoint& other : known_) {
    if (other == *unreachable) continue;
    endpoint_ = other;
    if (connect_socket()) continue;
    if (elsewhere_log_.allow()) {
      log::warn(
          "collector_elsewhere collector={} peer={} instead_of={} error={} suppressed={} "
          "impact=\"messages go to another address of the name\" fix=\"ip route get ADDRESS; "
          "correct the route, bind_device or source_address\"",
          config_.name, peer(), before, log::quoted(why.message()), elsewhere_log_.suppressed());
    }
    return true;
  }
  endpoint_ = unreachable;
  return false;
}

bool UdpTransport::connect() {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_connect_) return false;
  next_connect_ = now + kConnectRetry;
  if (const Error error = connect_socket(); error && !connect_elsewhere(error)) {
    connect_error_ = error;
    note_failure(FailureKind::kUnreachable, error.message());
    if (connect_log_.allow(now)) {
      log::warn(
          "collector_unreachable collector={} peer={} error={} suppressed={} impact=\"flow reports "
          "are lost until there is a way\" fix=\"ip route get ADDRESS; correct the route, "
          "bind_device or source_address\"",
          config_.name, peer(), log::quoted(error.message()), connect_log_.suppressed());
    }
    return false;
  }
  connected_ = true;
  segments_ = true;
  new_peer_ = true;
  seen_refusals_.follow(refused_peers_.by(*endpoint_));
  return true;
}

void UdpTransport::collect_refusal() {
  int pending = 0;
  socklen_t length = sizeof pending;
  if (getsockopt(socket_.native_handle(), SOL_SOCKET, SO_ERROR, &pending, &length) != 0) return;
  if (pending == ECONNREFUSED) on_refusal();  // other ICMP errors are not from the collector's host
}

void UdpTransport::on_refusal() {
  const std::string reason = std::make_error_code(std::errc::connection_refused).message();
  ++refusals_;
  note_failure(FailureKind::kRefused, reason);
  seen_refusals_.add(std::chrono::steady_clock::now());
  if (refusal_log_.allow()) {
    log::warn(
        "collector_refused collector={} peer={} error={} suppressed={} impact=\"messages sent "
        "before were probably lost\" fix=\"start the collector, or correct its address and port\"",
        config_.name, peer(), log::quoted(reason), refusal_log_.suppressed());
  }
}

void UdpTransport::note_failure(FailureKind kind, const std::string& reason) {
  last_failure_ = {kind, reason, std::chrono::steady_clock::now()};
}

bool UdpTransport::prepare() {
  if (endpoint_ && !connected_) connect();
  if (connected_) collect_refusal();
  // The program that listens there next does not have the templates.
  if (seen_refusals_.any() && seen_refusals_.take(std::chrono::steady_clock::now())) {
    new_peer_ = true;
  }
  return std::exchange(new_peer_, false);
}

SendResult UdpTransport::send(std::span<const std::byte> message) {
  if (!endpoint_) return SendResult::lost(LossReason::kUnresolved);
  if (!connected_) {
    // The message was begun for no address or another one: its templates went elsewhere.
    return connect() ? SendResult::again() : lost_by(connect_error_);
  }
  // A pending ICMP error would be reported instead of sending: take it first.
  collect_refusal();
  Error error;
  socket_.send(boost::asio::buffer(message.data(), message.size()), 0, error);
  if (!error) return SendResult::sent();
  if (error == boost::asio::error::would_block) return lost_by(error);
  if (is_stale(error) && replace_socket(error)) return SendResult::again();
  note_failure(FailureKind::kUnreachable, error.message());
  if (send_log_.allow()) {
    log::warn(
        "send_failed collector={} peer={} octets={} error={} suppressed={} impact=\"the message is "
        "lost\" fix=\"see the error: a route, or max_message_size where it is too long\"",
        config_.name, peer(), message.size(), log::quoted(error.message()), send_log_.suppressed());
  }
  return lost_by(error);
}

bool UdpTransport::send_together(std::span<const std::byte> messages, std::size_t length) {
  if (!connected_ || !segments_) return false;
  collect_refusal();
  const auto segment = static_cast<std::uint16_t>(length);
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof segment)> control{};
  iovec vector{const_cast<std::byte*>(messages.data()), messages.size()};
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_UDP;
  header->cmsg_type = UDP_SEGMENT;
  header->cmsg_len = CMSG_LEN(sizeof segment);
  std::memcpy(CMSG_DATA(header), &segment, sizeof segment);
  if (sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL) >= 0) return true;
  switch (errno) {
    case ECONNREFUSED:  // came in between, and is taken from the socket by this
      on_refusal();
      break;
    case EAGAIN:  // some of them may have room
    case ENOBUFS:
    case EINTR:
      break;
    default:  // the kernel does not know it, or the device or the path do not take it
      segments_ = false;
      break;
  }
  return false;
}

bool UdpTransport::replace_socket(const Error& why) {
  Error ignored;
  socket_.close(ignored);
  connected_ = false;
  connect_error_ = why;  // until another attempt to connect is due
  if (!connect()) return false;
  log::info("collector_reconnected collector={} peer={} error={}", config_.name, peer(),
            log::quoted(why.message()));
  return true;
}

std::size_t UdpTransport::longest_message() const {
  return longest_datagram(config_, endpoint_ && endpoint_->address().is_v6());
}

std::string UdpTransport::peer() const {
  if (!endpoint_) return log::quoted(config_.address);
  const std::string address = endpoint_->address().to_string();
  const bool ipv6 = endpoint_->address().is_v6();
  return ipv6 ? fmt::format("[{}]:{}", address, endpoint_->port())
              : fmt::format("{}:{}", address, endpoint_->port());
}

udp::endpoint UdpTransport::local_endpoint() const {
  Error ignored;
  return socket_.local_endpoint(ignored);
}

}  // namespace ctflow
