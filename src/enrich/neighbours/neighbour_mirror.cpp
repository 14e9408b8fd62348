// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/neighbours/neighbour_mirror.hpp"

#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "event_loop/rounds.hpp"
#include "netlink/dump.hpp"

namespace ctflow {
namespace {

constexpr std::size_t kBatch = 16;                           // datagrams
constexpr std::size_t kDatagramSize = std::size_t{1} << 15;  // the kernel's largest part of a dump
constexpr std::size_t kReceiveBuffer = std::size_t{1} << 20;
constexpr std::chrono::seconds kBetweenDumps{1};
constexpr std::chrono::seconds kRetry{5};  // after a dump that failed

/// Neighbours of all families, IPv4 and IPv6, and not those of bridges; then the addresses that are
/// this host's own.
constexpr std::size_t kDumps = 2;
DumpRequest request_of(std::size_t step) {
  if (step == 0) return {RTM_GETNEIGH, std::vector<std::byte>(sizeof(ndmsg))};
  return {RTM_GETADDR, std::vector<std::byte>(sizeof(ifaddrmsg))};
}

NetlinkSocket open_socket(const NetworkNamespace& home) {
  const auto visit = home.visit();
  NetlinkSocket socket(NETLINK_ROUTE);
  for (const int group : {RTNLGRP_NEIGH, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR}) {
    socket.set_membership(group, true);
  }
  socket.set_receive_buffer(kReceiveBuffer);
  return socket;
}

}  // namespace

NeighbourMirror::NeighbourMirror(boost::asio::io_context& io, const NetworkNamespace& home)
    : socket_(open_socket(home)),
      batch_(kBatch, kDatagramSize),
      readable_(io, socket_.descriptor()),
      turn_(io),
      later_(io),
      expiry_(io) {
  {
    const auto visit = home.visit();
    read_all();
  }
  wait();
  expire_later();
}

/// At once: the first flow reports ask for it. Changes that come meanwhile are queued.
void NeighbourMirror::read_all() {
  const TimePoint now = system_now().wall;
  for (std::size_t step = 0; step < kDumps; ++step) {
    const std::error_code error = read_dump(NETLINK_ROUTE, request_of(step), [&](Bytes message) {
      if (const auto found = decode_neighbour(message)) table_.apply(*found, now);
      // One that was there already has been for all that ended since.
      if (const auto own = decode_own_address(message)) table_.apply_own(*own, TimePoint{});
    });
    if (!error) continue;
    if (error == std::errc::resource_unavailable_try_again) {
      request_dump();  // they changed while they were read
    } else {
      on_unread(error);
    }
  }
}

/// They only add to what flows say: those go out with what is known.
void NeighbourMirror::on_unread(const std::error_code& error) {
  unread_ = true;
  if (unread_log_.allow()) {
    log::warn(
        "neighbours_unavailable error={} retry={}s suppressed={} impact=\"MAC addresses of hosts "
        "are unknown, or those of before\" fix=\"see the error: memory or descriptors are "
        "missing\"",
        log::quoted(error.message()), kRetry.count(), unread_log_.suppressed());
  }
  later_.after(kRetry, [this] { request_dump(); });
}

void NeighbourMirror::wait() {
  readable_.wait([this] { drain(); });
}

void NeighbourMirror::drain() {
  if (!read_batch()) {
    wait();
    return;
  }
  turn_.soon([this] { drain(); });
}

void NeighbourMirror::expire_later() {
  constexpr std::chrono::minutes kBetween{1};
  expiry_.at(next_round(kBetween), [this] {
    table_.expire(system_now().wall);
    expire_later();
  });
}

bool NeighbourMirror::read_batch() {
  std::error_code error;
  const std::span<const Datagram> datagrams = batch_.receive(socket_.descriptor(), error);
  if (error) {
    const bool overrun = error == std::errc::no_buffer_space;
    if (overrun) request_dump();
    if (!overrun && error_log_.allow()) {
      log::error(
          "neighbours_receive_failed error={} suppressed={} impact=\"MAC addresses of hosts may be "
          "those of before\" fix=\"restart ctflowd if this goes on\"",
          log::quoted(error.message()), error_log_.suppressed());
    }
    return overrun;  // what is queued behind the gap is still there
  }
  for (const Datagram& datagram : datagrams) {
    if (!datagram.from_kernel) continue;
    if (datagram.truncated) {
      request_dump();
    } else {
      on_datagram(datagram.bytes);
    }
  }
  return !datagrams.empty();
}

void NeighbourMirror::on_datagram(Bytes datagram) {
  const TimePoint now = system_now().wall;
  Messages messages(datagram);
  Bytes message;
  while (messages.next(message)) {
    const auto port = load_host<std::uint32_t>(message, offsetof(nlmsghdr, nlmsg_pid));
    const auto sequence = load_host<std::uint32_t>(message, offsetof(nlmsghdr, nlmsg_seq));
    const bool answer = reading_ && port == socket_.port_id() && sequence == sequence_;
    if (answer) {
      const DumpMessage read = read_dump_message(message);
      again_ = again_ || read.interrupted;
      if (read.kind == DumpMessage::Kind::kEnd) end_step(read.error, now);
    }
    if (const auto found = decode_neighbour(message)) table_.apply(*found, now);
    if (const auto own = decode_own_address(message)) table_.apply_own(*own, now);
  }
}

void NeighbourMirror::request_dump() {
  if (reading_) {
    again_ = true;
    return;
  }
  step_ = 0;
  table_.begin_dump();
  request_step();
}

void NeighbourMirror::request_step() {
  const std::error_code error = socket_.request(request_of(step_), ++sequence_);
  reading_ = !error;
  if (error) on_unread(error);
}

void NeighbourMirror::end_step(const std::error_code& error, TimePoint now) {
  if (!error && ++step_ < kDumps) {
    request_step();
    return;
  }
  reading_ = false;
  const bool again = std::exchange(again_, false);
  if (error) {
    on_unread(error);
  } else if (again) {
    later_.after(kBetweenDumps, [this] { request_dump(); });
  } else {
    table_.end_dump(now);
    if (std::exchange(unread_, false)) log::info("neighbours_available");
  }
}

}  // namespace ctflow
