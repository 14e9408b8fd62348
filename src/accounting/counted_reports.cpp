// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/counted_reports.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <numeric>
#include <system_error>
#include <utility>

#include "conntrack/flow/tuple_hash.hpp"
#include "text/errno_text.hpp"

namespace ctflow::accounting {
namespace {

/// In one file, where no checkpoint comes: without a state file.
constexpr std::uint64_t kMostRecords = 1'000'000;

/// A file goes on over checkpoints until it has so many, or it were so many: a record that stays
/// for longer than it has to does no harm, and each new file is written to a flash memory in half a
/// dozen places.
constexpr std::uint64_t kManyRecords = 16'384;
constexpr unsigned kCheckpointsOfAFile = 16;

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

std::uint64_t check_of(const CountedReports::Record& record) {
  std::uint64_t hash = mix(record.key);
  for (const Counters& one : {record.original_counters, record.reply_counters}) {
    hash = mix(mix(hash ^ one.packets) ^ one.octets);
  }
  return mix(hash ^ static_cast<std::uint64_t>(record.until));
}

/// Makes zeros of it. Returns what errno is then, or 0.
int blank(const std::string& file, off_t at, std::size_t size) {
  const std::vector<char> zeros(size);
  const Descriptor descriptor(open(file.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!descriptor.is_open()) return errno;
  const ssize_t written = pwrite(descriptor.number(), zeros.data(), size, at);
  if (written == static_cast<ssize_t>(size)) return 0;
  return written < 0 ? errno : ENOSPC;
}

std::size_t page_size() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }

}  // namespace

CountedReports::CountedReports(std::string prefix, const std::vector<std::uint64_t>& undone)
    : prefix_(std::move(prefix)) {
  read_left(undone);
  begin_file();
}

std::string CountedReports::file_of(unsigned generation) const {
  return fmt::format("{}-counted-{}", prefix_, generation);
}

void CountedReports::read_left(const std::vector<std::uint64_t>& undone) {
  for (unsigned i = kGenerations; i > 0; --i) {
    std::ifstream file(file_of(i - 1), std::ios::binary);
    off_t at = 0;
    for (Record one; file.read(reinterpret_cast<char*>(&one), sizeof one);
         at += ssize_t{sizeof one}) {
      if (one.until == 0 || one.check != check_of(one)) continue;
      if (std::find(undone.begin(), undone.end(), one.check) == undone.end()) {
        left_[one.key] = one;
      } else if (const int error = blank(file_of(i - 1), at, sizeof one); error != 0) {
        fail(error);
      }
    }
  }
}

void CountedReports::begin_file() {
  constexpr int kMode = 0600;
  free_ = {};
  records_ = 0;
  checkpoints_of_file_ = 0;
  file_.reset(open(file_of(0).c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kMode));
  if (!file_.is_open()) return fail(errno);
  const off_t size = lseek(file_.number(), 0, SEEK_END);
  records_ = static_cast<std::uint64_t>(size) / sizeof(Record);
}

CountedReports::Record CountedReports::record_of(const Flow& flow) {
  Record record{
      table_hash_of(flow.original), sum(flow.earlier.original_counters, flow.original_counters),
      sum(flow.earlier.reply_counters, flow.reply_counters), flow.end.time_since_epoch().count()};
  record.check = check_of(record);
  return record;
}

void CountedReports::note(const Record& record) {
  if (records_ >= kMostRecords) begin_next_file();
  noted_ = true;
  append(record);
}

void CountedReports::append(const Record& record) {
  ++records_;  // also where there is none, so that it is tried again
  if (free_.empty() && !make_room()) return;
  free_.front() = record;
  free_ = free_.subspan(1);
}

bool CountedReports::make_room() {
  if (!file_.is_open()) return false;
  try {
    static const std::size_t size = 2 * std::lcm(sizeof(Record), page_size());
    room_ = MappedRoom(file_.number(), size);
  } catch (const std::system_error& error) {
    fail(error.code().value());
    file_.reset();  // until the next checkpoint
    return false;
  }
  const std::span<std::byte> octets = room_.octets();
  // Aligned as pages are.
  free_ = {static_cast<Record*>(static_cast<void*>(octets.data())), octets.size() / sizeof(Record)};
  return true;
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
  // It was reported until then, and nothing before: its counters began again at zero.
  if (flow.start > start && flow.start >= until && earlier.original_counters == Counters{} &&
      earlier.reply_counters == Counters{})
    return std::nullopt;
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
  // By then each connection in the table was reported that has more than the state file.
  if (++checkpoints_ == kGenerations) left_ = {};
  if (file_.is_open()) {
    if (!std::exchange(noted_, false)) return;
    if (++checkpoints_of_file_ < kCheckpointsOfAFile && records_ < kManyRecords) return;
  }
  begin_next_file();
}

void CountedReports::begin_next_file() {
  for (unsigned i = kGenerations - 1; i > 0; --i) {
    std::rename(file_of(i - 1).c_str(), file_of(i).c_str());
  }
  begin_file();
  for (const auto& [key, record] : left_) append(record);
}

void CountedReports::fail(int error) {
  if (std::exchange(failed_, true)) return;
  log::error(
      "accounting_reports_unavailable file={} error={} impact=\"after a kill, what is reported "
      "again of connections in the table is counted twice\" fix=\"let ctflowd write there, or make "
      "room\"",
      log::quoted(file_of(0)), log::quoted(text::errno_text(error)));
}

}  // namespace ctflow::accounting
