// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/table/table_dump.hpp"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "ctflow/clock.hpp"
#include "netlink/netfilter_dump.hpp"

namespace ctflow {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kEntriesPerPart = 100;  // of about 320 octets
constexpr milliseconds kShortestGap{1};
constexpr milliseconds kLongestGap{1000};
constexpr milliseconds kAskingGap{5};
constexpr std::chrono::seconds kPatience{10};  // for one part

std::size_t page_size() {
  static const auto size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

}  // namespace

bool TableDump::may_be_cut(std::size_t part, std::size_t page) {
  constexpr std::size_t kLongestEntry = 1024;
  // The kernel's socket buffers for parts have one page, at most 8 KiB (NLMSG_GOODSIZE), or what is
  // read at once; a part of the other size follows when memory is short. The end of either is used
  // for its own bookkeeping.
  constexpr std::size_t kBookkeeping = 512;
  constexpr std::size_t kLargestPage = 8192;
  for (const std::size_t size : {std::min(page, kLargestPage), Dump::kPart}) {
    if (part + kLongestEntry + kBookkeeping > size && part <= size) return true;
  }
  return false;
}

TableDump::TableDump(boost::asio::io_context& io, What what, NetworkNamespace home)
    : timer_(io), what_(what), home_(std::move(home)) {
  const std::uint8_t kind = what == What::kDying ? IPCTNL_MSG_CT_GET_DYING : IPCTNL_MSG_CT_GET;
  request_ = netfilter_request({NFNL_SUBSYS_CTNETLINK, kind});  // of all families
}

bool TableDump::request(DumpConsumer& consumer, Begin begin) {
  cancel();
  consumer_ = &consumer;
  cancelled_ = false;
  cut_ = false;
  first_ = true;
  written_.earliest = system_now();
  consumer.on_part_requested();
  const std::error_code error = [&] {
    const auto visit = home_.visit();
    return (dump_.*begin)(request_);
  }();
  if (!error) return true;
  log_failure("asking for the connection table", error);
  end(Dump::State::kFailed);
  return false;
}

void TableDump::start(DumpConsumer& consumer, std::size_t entries, milliseconds duration) {
  const bool waits = what_ == What::kConnections && !std::exchange(asked_before_, true);
  if (!request(consumer, waits ? &Dump::begin : &Dump::begin_beside)) return;
  const std::size_t parts = entries / kEntriesPerPart + 1;
  gap_ =
      std::clamp<std::chrono::steady_clock::duration>(duration / parts, kShortestGap, kLongestGap);
  next_ = std::chrono::steady_clock::now();
  wait(next_);
}

void TableDump::wait(MonoTime until) {
  timer_.at(until, [this] { read_due(); });
}

void TableDump::read_due() {
  const auto now = std::chrono::steady_clock::now();
  if (dump_.asking()) return wait(now + kAskingGap);
  const Dump::State state = read_part();
  if (cancelled_) return;  // by the consumer
  if (state == Dump::State::kDone || state == Dump::State::kFailed) return end(state);
  // Late, as after a burst of events, or slow, as the kernel with a long dying list: do not hurry,
  // and let others have as much time.
  const auto after = std::chrono::steady_clock::now();
  next_ = std::max(next_ + gap_, after + (after - now));
  wait(next_);
}

void TableDump::run(DumpConsumer& consumer) {
  if (!request(consumer, &Dump::begin)) return;
  Dump::State state = Dump::State::kMore;
  while (state == Dump::State::kMore || state == Dump::State::kWaiting) {
    if (state == Dump::State::kWaiting && !dump_.wait(kPatience)) {
      log_failure("waiting for the connection table", std::make_error_code(std::errc::timed_out));
      state = Dump::State::kFailed;
      break;
    }
    state = read_part();
    if (cancelled_) return;
  }
  end(state);
}

Dump::State TableDump::read_part() {
  const Instant before = system_now();
  Dump::State state = dump_.receive();
  if (state == Dump::State::kWaiting) return state;
  const Instant after = system_now();
  if (std::exchange(first_, false)) written_.latest = dump_.begun();
  if (state == Dump::State::kMore) {
    // What was received now had been written within the call before; within this one the kernel
    // has written the next part.
    state = dump_.parse([this](Bytes message) { consumer_->on_entry(message, written_); });
  }
  if (cancelled_) return state;
  if (state == Dump::State::kFailed) {
    log_failure("reading the connection table", dump_.error());
    return state;
  }
  if (dump_.part_size() == 0) return state;  // sent by another process
  if (state == Dump::State::kMore) {
    cut_ = what_ == What::kDying && may_be_cut(dump_.part_size(), page_size());
  }
  written_ = {before, after};
  consumer_->on_part_requested();
  return state;
}

void TableDump::log_failure(const char* what, const std::error_code& error) {
  if (!error_log_.allow()) return;
  log::warn(
      "table_dump_failed while={} error={} suppressed={} impact=\"what it would have shown comes "
      "with the next scan\" fix=\"see the error: CAP_NET_ADMIN, memory or descriptors are "
      "missing\"",
      log::quoted(what), log::quoted(error.message()), error_log_.suppressed());
}

void TableDump::end(Dump::State state) {
  dump_.end();
  consumer_->on_dump_end(state == Dump::State::kDone && !dump_.interrupted() && !cut_);
}

void TableDump::cancel() {
  timer_.cancel();
  dump_.end();
  cancelled_ = true;
}

}  // namespace ctflow
