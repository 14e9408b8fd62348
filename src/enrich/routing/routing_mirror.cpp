// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/routing/routing_mirror.hpp"

#include <linux/rtnetlink.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string>

#include "netlink/dump.hpp"

namespace ctflow {
namespace {

struct Step {
  std::uint16_t type;
  std::uint8_t family;
};

/// In this order what a later one refers to is known.
constexpr std::array<Step, 7> kSteps{{{RTM_GETLINK, AF_UNSPEC},
                                      {RTM_GETADDR, AF_UNSPEC},
                                      {RTM_GETNEXTHOP, AF_UNSPEC},
                                      {RTM_GETRULE, AF_INET},
                                      {RTM_GETRULE, AF_INET6},
                                      {RTM_GETROUTE, AF_INET},
                                      {RTM_GETROUTE, AF_INET6}}};

/// So often a dump that was interrupted by changes begins anew at once. After that it is taken as
/// it is, because the changes follow it anyway, and is read again later.
constexpr int kInterruptions = 5;

/// Changes come in crowds; and reading everything may take a tenth of our time at most.
constexpr std::chrono::seconds kSettle{1};
constexpr int kPause = 9;

std::uint16_t type_of(Bytes message) {
  return load_host<std::uint16_t>(message, offsetof(nlmsghdr, nlmsg_type));
}

}  // namespace

RoutingMirror::RoutingMirror(boost::asio::io_context& io)
    : readable_(io, socket_.descriptor()), turn_(io), resync_timer_(io) {}

void RoutingMirror::start() {
  begin_dump();
  wait();
}

void RoutingMirror::wait() {
  readable_.wait([this] { drain(); });
}

void RoutingMirror::drain() {
  if (!read_batch()) {
    wait();
    return;
  }
  turn_.soon([this] { drain(); });
}

bool RoutingMirror::read_batch() {
  std::error_code error;
  const std::span<const Datagram> datagrams = socket_.receive(error);
  if (error) {
    on_error(error);
    return error == std::errc::no_buffer_space;  // what is queued behind the gap is still there
  }
  for (const Datagram& datagram : datagrams) {
    if (!datagram.from_kernel) {
      ++counters_.foreign;
    } else if (datagram.truncated) {
      count(Applied::kMalformed);
      resync();
    } else {
      on_datagram(datagram.bytes);
    }
  }
  return !datagrams.empty();
}

void RoutingMirror::on_error(const std::error_code& error) {
  if (error == std::errc::no_buffer_space) {
    ++counters_.overruns;
    resync();
  } else if (error_log_.allow()) {
    log::error(
        "routes_receive_failed error={} suppressed={} impact=\"interfaces and next hops may be "
        "those of before\" fix=\"restart ctflowd if this goes on\"",
        log::quoted(error.message()), error_log_.suppressed());
  }
}

void RoutingMirror::on_datagram(Bytes datagram) {
  Messages messages(datagram);
  Bytes message;
  while (messages.next(message)) {
    const auto port = load_host<std::uint32_t>(message, offsetof(nlmsghdr, nlmsg_pid));
    const auto sequence = load_host<std::uint32_t>(message, offsetof(nlmsghdr, nlmsg_seq));
    if (port == socket_.port() && sequence == sequence_ && next_) {
      on_answer(message);
    } else {
      on_change(message);
    }
  }
  if (messages.malformed()) count(Applied::kMalformed);
}

void RoutingMirror::on_answer(Bytes message) {
  const DumpMessage read = read_dump_message(message);
  interrupted_ = interrupted_ || read.interrupted;
  answered_ = true;
  switch (read.kind) {
    case DumpMessage::Kind::kEnd:  // also with an error: a kernel without rules or nexthop objects
      end_step();
      break;
    case DumpMessage::Kind::kNothing:
      break;
    case DumpMessage::Kind::kObject:
      if (next_->apply(message) == Applied::kMalformed) count(Applied::kMalformed);
      break;
  }
}

void RoutingMirror::on_change(Bytes message) {
  if (type_of(message) < RTM_BASE) return;
  const Applied applied = state_->apply(message, loaded_ ? routing_clock() : kAlways);
  // Changes that happened before the dump came to their objects are in it; to apply them twice
  // does no harm, but for rules, and what happened afterwards comes afterwards.
  if (next_ && !will_be_read(message)) next_->apply(message);
  if (!loaded_) return;
  count(applied);
  counters_.forgotten = state_->forgotten();
  if (applied == Applied::kStale || applied == Applied::kUnknown) resync();
  update_name(message);
}

// Of equal rules there may be several: one that is in the dump must not be added by its
// announcement as well. The queue is in order, so whatever came before the dump's first part is in
// it; and when something changes between two parts the kernel says so in the next.
bool RoutingMirror::will_be_read(Bytes message) const {
  const std::uint16_t type = type_of(message);
  if (type != RTM_NEWRULE && type != RTM_DELRULE) return false;
  if (message.size() == sizeof(nlmsghdr)) return false;  // malformed
  const auto family = std::to_integer<std::uint8_t>(message[sizeof(nlmsghdr)]);
  for (std::size_t i = step_; i < kSteps.size(); ++i) {
    if (kSteps[i].type != RTM_GETRULE || kSteps[i].family != family) continue;
    return i > step_ || !answered_;
  }
  return false;
}

void RoutingMirror::count(Applied applied) {
  switch (applied) {
    case Applied::kChanged:
    case Applied::kStale:
    case Applied::kUnknown:
      ++counters_.changes;
      break;
    case Applied::kMalformed:
      ++counters_.malformed;
      if (malformed_log_.allow()) {
        log::warn(
            "route_malformed malformed={} suppressed={} impact=\"a change of the routing is not "
            "followed: interfaces and next hops may be those of before\" fix=\"please report it "
            "with: ip -d route show table all\"",
            counters_.malformed, malformed_log_.suppressed());
      }
      break;
    case Applied::kNothing:
      break;
  }
}

void RoutingMirror::begin_dump() {
  next_ = std::make_unique<RoutingState>();
  step_ = 0;
  interrupted_ = false;
  again_ = false;
  began_ = system_now().steady;
  request_step();
}

void RoutingMirror::request_step() {
  // Another number each time, so that answers cannot be mistaken. Changes that others ask for
  // carry their numbers with their port.
  ++sequence_;
  answered_ = false;
  const std::error_code error =
      socket_.request_dump(kSteps[step_].type, kSteps[step_].family, sequence_);
  if (!error) return;
  on_error(error);
  next_.reset();
  resync();
}

void RoutingMirror::end_step() {
  if (interrupted_ && interruptions_ < kInterruptions) {
    ++interruptions_;
    ++counters_.resyncs;
    begin_dump();
    return;
  }
  if (++step_ < kSteps.size()) {
    request_step();
    return;
  }
  adopt();
}

void RoutingMirror::adopt() {
  const bool wanted = std::exchange(again_, false) || interrupted_;
  if (loaded_) next_->inherit(*state_, routing_clock());
  state_ = std::move(next_);
  interruptions_ = 0;
  ended_ = system_now().steady;
  lasted_ = ended_ - began_;
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(lasted_).count();
  if (!std::exchange(loaded_, true) || resync_log_.allow()) {
    log::info(
        "routes_read interfaces={} addresses={} vrfs={} routes={} rules={} undecidable_rules={} "
        "memory={} milliseconds={} resyncs={} suppressed={}",
        state_->interfaces(), state_->addresses(), state_->vrfs().size(), state_->routes(),
        state_->rules(), state_->undecidable_rules(), state_->memory(), milliseconds,
        counters_.resyncs, resync_log_.suppressed());
  }
  update_names();
  if (wanted) resync();
}

void RoutingMirror::resync() {
  if (next_) {
    again_ = true;
    return;
  }
  if (std::exchange(resync_awaited_, true)) return;
  resync_timer_.at(std::max(system_now().steady + kSettle, ended_ + kPause * lasted_), [this] {
    resync_awaited_ = false;
    ++counters_.resyncs;
    begin_dump();
  });
}

void RoutingMirror::update_name(Bytes message) {
  if (type_of(message) != RTM_NEWLINK) return;
  Link link;
  if (decode_link(message, link) != Decoded::kYes) return;
  if (names_.set(link.index, link.name.data()) && names_changed_) names_changed_();
}

void RoutingMirror::update_names() {
  // Connections of an interface that went may still be reported, so its name stays for as long.
  std::vector<std::uint32_t> gone;
  for (const auto& [index, entry] : names_.entries()) {
    if (!state_->remembers_link(index)) gone.push_back(index);
  }
  for (const std::uint32_t index : gone) names_.remove(index);
  bool changed = false;
  state_->for_each_link(
      [&](const Link& link) { changed = names_.set(link.index, link.name.data()) || changed; });
  if (changed && names_changed_) names_changed_();
}

}  // namespace ctflow
