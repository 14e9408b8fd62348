// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/counted_reports.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <system_error>
#include <utility>

#include "conntrack/flow/tuple_hash.hpp"

namespace ctflow::accounting {
namespace {

/// In one file, where no checkpoint comes: without a state file.
constexpr std::uint64_t kMostRecords = 1'000'000;

Counters sum(const Counters& one, const Counters& other) {
  return {one.packets + other.packets, one.octets + other.octets};
}

bool below(const Counters& one, const Counters& other) {
  return one.packets < other.packets || one.octets < other.octets;
}

/// Takes off `flow` what `counted` has beyond `earlier`.
void take_off(Counters& flow, Counters& earlier, const Counters& counted) {
  const auto take = [](std::uint64_t& rest, std::uint64_t& before, std::uint64_t known) {
    const std::uint64_t again = known > before ? std::min(known - before, rest) : 0;
    rest -= again;
    before += again;
  };
  take(flow.packets, earlier.packets, counted.packets);
  take(flow.octets, earlier.octets, counted.octets);
}

}  // namespace

CountedReports::CountedReports(std::string prefix) : prefix_(std::move(prefix)) {
  read_left();
  begin_file();
}

std::string CountedReports::file_of(unsigned generation) const {
  return fmt::format("{}-counted-{}", prefix_, generation);
}

std::uint64_t CountedReports::check_of(const Record& record) {
  std::uint64_t hash = mix(record.key);
  for (const Counters& one : {record.original_counters, record.reply_counters}) {
    hash = mix(mix(hash ^ one.packets) ^ one.octets);
  }
  return mix(hash ^ static_cast<std::uint64_t>(record.until));
}

void CountedReports::read_left() {
  for (unsigned i = kGenerations; i > 0; --i) {
    std::ifstream file(file_of(i - 1), std::ios::binary);
    for (Record one; file.read(reinterpret_cast<char*>(&one), sizeof one);) {
      if (one.check == check_of(one)) left_[one.key] = one;
    }
  }
}

void CountedReports::begin_file() {
  constexpr int kMode = 0600;
  file_.reset(
      open(file_of(0).c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, kMode));
  if (!file_.is_open()) return fail(errno);
  // A process that was killed, or had no room, may have written a part of one.
  const off_t size = lseek(file_.number(), 0, SEEK_END);
  constexpr auto kRecord = static_cast<off_t>(sizeof(Record));
  if (size % kRecord != 0 && ftruncate(file_.number(), size - size % kRecord) != 0) fail(errno);
  records_ = static_cast<std::uint64_t>(size / kRecord);
}

void CountedReports::note(const Flow& flow) {
  const Counters original_counters = sum(flow.earlier.original_counters, flow.original_counters);
  const Counters reply_counters = sum(flow.earlier.reply_counters, flow.reply_counters);
  write({table_hash_of(flow.original), original_counters, reply_counters,
         flow.end.time_since_epoch().count()});
  if (records_ >= kMostRecords) checkpoint();
}

void CountedReports::write(Record record) {
  if (!file_.is_open()) return;
  record.check = check_of(record);
  const ssize_t written = ::write(file_.number(), &record, sizeof record);
  if (written == ssize_t{sizeof record}) {
    ++records_;
    return;
  }
  fail(written < 0 ? errno : ENOSPC);
  file_.reset();  // until the next checkpoint
}

std::optional<Flow> CountedReports::without_left(const Flow& flow) {
  const auto found = left_.find(table_hash_of(flow.original));
  if (found == left_.end()) return std::nullopt;
  const Record counted = found->second;
  left_.erase(found);
  const TimePoint until{std::chrono::nanoseconds(counted.until)};
  const EarlierReports& earlier = flow.earlier;
  const TimePoint start = earlier.start == TimePoint{} ? flow.start : earlier.start;
  if (start > until) return std::nullopt;  // of a successor with the same addresses and ports
  if (below(sum(earlier.original_counters, flow.original_counters), counted.original_counters))
    return std::nullopt;
  if (below(sum(earlier.reply_counters, flow.reply_counters), counted.reply_counters))
    return std::nullopt;
  Flow rest = flow;
  take_off(rest.original_counters, rest.earlier.original_counters, counted.original_counters);
  take_off(rest.reply_counters, rest.earlier.reply_counters, counted.reply_counters);
  rest.start = std::max(flow.start, std::min(until, flow.end));
  return rest;
}

void CountedReports::checkpoint() {
  for (unsigned i = kGenerations - 1; i > 0; --i) {
    std::rename(file_of(i - 1).c_str(), file_of(i).c_str());
  }
  begin_file();
  // By then each connection in the table was reported that has more than the state file.
  if (++checkpoints_ == kGenerations) left_ = {};
  for (const auto& [key, record] : left_) write(record);
}

void CountedReports::fail(int error) {
  if (std::exchange(failed_, true)) return;
  log::error(
      "accounting_reports_unavailable file={} error={} impact=\"after a kill, what is reported "
      "again of connections in the table is counted twice\" fix=\"let ctflowd write there, or make "
      "room\"",
      log::quoted(file_of(0)), log::quoted(std::generic_category().message(error)));
}

}  // namespace ctflow::accounting
