// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/events/event_listener.hpp"

#include <linux/netfilter/nfnetlink_compat.h>

#include <algorithm>
#include <utility>

#include "netlink/kernel_filter.hpp"
#include "nf_conntrack_flow.h"

namespace ctflow {
namespace {

/// Ended connections, and the reports of a patched kernel; a stock kernel never sends to that
/// group.
constexpr std::uint32_t kGroups = NF_NETLINK_CONNTRACK_DESTROY | 1U << (NFNLGRP_CONNTRACK_FLOW - 1);

}  // namespace

EventListener::EventListener(boost::asio::io_context& io, const SourceConfig& config)
    : socket_(NETLINK_NETFILTER, kGroups),
      readable_(io, socket_.descriptor()),
      timer_(io),
      batch_delay_(config.batch_delay),
      reliable_(config.delivery == Delivery::kReliable),
      queue_watch_(config.receive_buffer_limit) {
  attach_filter(config.filter);
  if (reliable_) socket_.require_delivery();
  const std::size_t granted = socket_.set_receive_buffer(config.receive_buffer);
  if (granted < config.receive_buffer) {
    log::warn(
        "receive_buffer_small wanted={} granted={} impact=\"events are lost sooner when many "
        "connections end at once\" fix=\"sysctl -w net.core.rmem_max={}, or start as root\"",
        config.receive_buffer, granted, config.receive_buffer / 2);
  }
}

void EventListener::attach_filter(const FilterConfig& config) {
  const KernelFilter filter(config);
  const std::error_code error = filter.attach(socket_.descriptor());
  filtered_ = filter.filters_events() && !error;
  if (error) {
    log::warn(
        "kernel_filter_failed error={} impact=\"events are filtered after decoding\" fix=\"raise "
        "net.core.optmem_max, or name fewer networks in source.filter\"",
        log::quoted(error.message()));
  }
}

void EventListener::start(EventConsumer& consumer, SourceCounters& counters) {
  consumer_ = &consumer;
  counters_ = &counters;
  wait();
}

void EventListener::wait() {
  readable_.wait([this] { wait_for_more(); });
}

void EventListener::wait_for_more() {
  const std::chrono::milliseconds delay = batch_delay_.next(socket_.queue());
  if (delay.count() == 0) {
    drain();
    return;
  }
  timer_.after(delay, [this] { drain(); });
}

void EventListener::drain() {
  watch_room();
  for (int i = 0; i < kBatchesPerTurn; ++i) {
    if (!read_batch()) {
      consumer_->on_batch_end();
      count_lost();
      batch_delay_.drained(std::exchange(read_, 0), std::chrono::steady_clock::now());
      wait();
      return;
    }
  }
  consumer_->on_batch_end();
  // More is waiting: go on at once, but behind whatever else is ready.
  timer_.soon([this] { drain(); });
}

bool EventListener::catch_up() {
  bool more = true;
  for (int i = 0; more && i < kBatchesPerTurn * kTurnsToCatchUp; ++i) more = read_batch();
  consumer_->on_batch_end();
  count_lost();
  return !more;
}

bool EventListener::read_batch() {
  std::error_code error;
  const std::span<const Datagram> datagrams = batch_.receive(socket_.descriptor(), error);
  if (error) {
    on_error(error);
    return error == std::errc::no_buffer_space;  // what is queued behind the gap is still there
  }
  if (datagrams.empty()) return false;
  batches_.add(datagrams.size());
  read_ += datagrams.size();
  const Instant now = system_now();
  for (std::size_t i = 0; i < datagrams.size(); ++i) {
    if (i + kAhead < datagrams.size()) consumer_->expect(datagrams[i + kAhead].bytes);
    const Datagram& datagram = datagrams[i];
    if (!datagram.from_kernel) {
      ++counters_->foreign;
      if (foreign_log_.allow()) {
        log::warn(
            "event_foreign suppressed={} impact=\"another program sent it: it is dropped, and "
            "nothing is missing\" fix=\"find the program: ss -f netlink -p\"",
            foreign_log_.suppressed());
      }
    } else if (datagram.truncated) {
      ++counters_->malformed;
    } else {
      consumer_->on_datagram(datagram.bytes, now);
    }
  }
  return true;
}

void EventListener::watch_room() {
  const QueueState queue = socket_.queue();
  const std::size_t wanted = queue_watch_.wanted(queue);
  if (wanted == 0) return;
  const std::size_t granted = socket_.set_receive_buffer(wanted);
  if (granted < wanted) queue_watch_.limit_growth(granted);
  if (granted > queue.limit) {
    log::info("receive_buffer_grown octets={} used={}", granted, queue.used);
  }
}

void EventListener::count_lost() {
  const std::uint32_t dropped = queue_watch_.take_dropped(socket_.queue());
  if (dropped == 0) return;
  if (reliable_) {
    counters_->retried += dropped;
    if (overrun_log_.allow()) {
      log::warn(
          "events_delayed retried={} suppressed={} impact=\"the kernel keeps their connections in "
          "its table meanwhile; beginnings, for NAT events, come with a next packet, if at all\" "
          "fix=\"raise source.receive_buffer_limit\"",
          counters_->retried, overrun_log_.suppressed());
    }
    return;
  }
  counters_->lost_overrun += dropped;
  if (overrun_log_.allow()) {
    log::warn(
        "events_lost reason=kernel_overrun lost={} overruns={} suppressed={} impact=\"connections "
        "that ended are not exported, or lack what came after the previous report\" fix=\"raise "
        "source.receive_buffer and source.receive_buffer_limit\"",
        counters_->lost_overrun, counters_->overruns, overrun_log_.suppressed());
  }
  if (events_lost) events_lost();
}

void EventListener::on_error(const std::error_code& error) {
  if (error == std::errc::no_buffer_space) {
    ++counters_->overruns;  // how many events that costs is known once the rest is read
  } else if (error_log_.allow()) {
    log::error(
        "netlink_receive_failed error={} suppressed={} impact=\"events may be missing\" "
        "fix=\"restart ctflowd if this goes on\"",
        log::quoted(error.message()), error_log_.suppressed());
  }
}

EventQueueStatus EventListener::status() const {
  const QueueState queue = socket_.queue();
  return {queue.used,    queue.limit,       std::max(queue_watch_.most_used(), queue.used),
          queue.dropped, socket_.port_id(), batches_};
}

void EventListener::stop() {
  timer_.cancel();
  readable_.cancel();
  if (consumer_ == nullptr) return;
  socket_.leave_groups();
  while (read_batch()) {
  }
  consumer_->on_batch_end();
  count_lost();
}

}  // namespace ctflow
