// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/session_ledger.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <utility>

#include "accounting/schema.hpp"
#include "process/boot_id.hpp"
#include "process/directory_obstacle.hpp"
#include "process/runtime_directory.hpp"

namespace ctflow::accounting {
namespace {

constexpr std::uint64_t kMagic = 0x3130'6c74'6363'6163ULL;
constexpr std::size_t kAmounts = 5;  // numbers of Amounts
constexpr std::size_t kSums = kDirections * kAmounts;
constexpr std::size_t kTotals = 2 + kSums;  // all there is in the earliest versions
// What is being added: 1 + its direction, or 0; its record; the sums before, and flows.
constexpr std::size_t kBegun = kTotals;
constexpr std::size_t kRecord = kBegun + 1;
constexpr std::size_t kBefore = kRecord + 1;
constexpr std::size_t kFlowsBefore = kBefore + kAmounts;
// What is written: which of the two that follow holds.
constexpr std::size_t kHolds = kFlowsBefore + 1;
constexpr std::size_t kWritten = kHolds + 1;
constexpr std::size_t kWords = kWritten + 2 * kSums;
constexpr std::size_t kSize = kWords * sizeof(std::uint64_t);
constexpr const char* kInfix = "-session-";

[[noreturn]] void fail(const std::string& file) {
  throw std::system_error(errno, std::generic_category(), file);
}

void add_to(std::span<std::uint64_t> words, const Amounts& amounts) {
  words[0] += amounts.down_octets;
  words[1] += amounts.up_octets;
  words[2] += amounts.down_packets;
  words[3] += amounts.up_packets;
  words[4] += amounts.connections;
}

std::span<std::uint64_t> sums_of(std::span<std::uint64_t> words, std::size_t direction) {
  return words.subspan(2 + direction * kAmounts, kAmounts);
}

std::size_t written_at(std::uint64_t which) { return kWritten + (which == 0 ? 0 : kSums); }

/// What comes before is stored before what comes after, as a kill leaves it.
void keep_order() { std::atomic_signal_fence(std::memory_order_seq_cst); }

/// Takes back what a kill interrupted. Returns its record, or 0.
std::uint64_t undo(std::span<std::uint64_t> words) {
  const std::uint64_t begun = words[kBegun];
  if (begun == 0 || begun > kDirections) return 0;
  const auto before = words.subspan(kBefore, kAmounts);
  std::copy(before.begin(), before.end(),
            sums_of(words, static_cast<std::size_t>(begun) - 1).begin());
  words[1] = words[kFlowsBefore];
  return words[kRecord];
}

std::array<Amounts, kDirections> amounts_in(std::span<const std::uint64_t> words) {
  std::array<Amounts, kDirections> amounts;
  for (std::size_t i = 0; i < kDirections; ++i) {
    const auto five = words.subspan(i * kAmounts, kAmounts);
    amounts[i] = {five[0], five[1], five[2], five[3], five[4]};
  }
  return amounts;
}

SessionTotals totals_in(std::span<const std::uint64_t> words) {
  return {amounts_in(words.subspan(2, kSums)), words[1]};
}

/// Of the kernel's boot_id, or empty where it is not known.
std::string this_boot() {
  constexpr std::size_t kDigits = 16;
  std::string id = boot_id();
  id.erase(std::remove(id.begin(), id.end(), '-'), id.end());
  return id.substr(0, kDigits);
}

std::string unique_id() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return fmt::format("{:x}-{:x}-{}",
                     std::chrono::duration_cast<std::chrono::nanoseconds>(now).count(), getpid(),
                     this_boot());
}

}  // namespace

SessionLedger::SessionLedger(const std::string& prefix) : id_(unique_id()) {
  constexpr int kMode = 0640;
  file_ = session_file(prefix, id_);
  make_directory_for(file_);
  descriptor_.reset(open(file_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, kMode));
  if (!descriptor_.is_open()) fail(file_);
  if (flock(descriptor_.number(), LOCK_EX | LOCK_NB) != 0) fail(file_);
  // A hole could find no room later, and a write to it would end the process.
  if (const int error = posix_fallocate(descriptor_.number(), 0, kSize); error != 0) {
    errno = error;
    unlink(file_.c_str());
    fail(file_);
  }
  void* const memory =
      mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor_.number(), 0);
  if (memory == MAP_FAILED) {
    unlink(file_.c_str());
    fail(file_);
  }
  words_ = {static_cast<std::uint64_t*>(memory), kWords};
  words_[0] = kMagic;
}

SessionLedger::~SessionLedger() { munmap(words_.data(), kSize); }

void SessionLedger::begin(Direction direction, std::uint64_t record) {
  const auto sums = sums_of(words_, static_cast<std::size_t>(direction));
  std::copy(sums.begin(), sums.end(), words_.subspan(kBefore).begin());
  words_[kFlowsBefore] = words_[1];
  words_[kRecord] = record;
  keep_order();
  words_[kBegun] = static_cast<std::uint64_t>(direction) + 1;
  keep_order();
}

void SessionLedger::add(Direction direction, const Amounts& amounts) {
  keep_order();
  ++words_[1];
  add_to(sums_of(words_, static_cast<std::size_t>(direction)), amounts);
  keep_order();
  words_[kBegun] = 0;
  keep_order();
}

SessionTotals SessionLedger::totals() const { return totals_in(words_); }

void SessionLedger::note_written(const SessionTotals& totals) {
  const std::uint64_t next = words_[kHolds] == 0 ? 1 : 0;
  auto room = words_.subspan(written_at(next), kSums);
  std::fill(room.begin(), room.end(), 0);
  for (const Amounts& amounts : totals.amounts) {
    add_to(room, amounts);
    room = room.subspan(kAmounts);
  }
  keep_order();
  words_[kHolds] = next;
}

std::string session_prefix(const std::string& database) {
  constexpr std::size_t kLongestName = 160;
  const std::string directory = runtime_directory();
  std::string name = std::filesystem::absolute(database).lexically_normal().string();
  if (name.size() > kLongestName || !obstacle_in(directory, DirectoryUse::kMakeFiles).empty())
    return database;
  std::replace(name.begin(), name.end(), '/', '-');
  return directory + "/accounting" + name;
}

std::string session_file(const std::string& prefix, const std::string& id) {
  return prefix + kInfix + id;
}

bool is_of_another_boot(const std::string& id) {
  const std::string now = this_boot();
  return !now.empty() && id.substr(id.rfind('-') + 1) != now;
}

std::vector<LeftSession> left_sessions(const std::string& prefix, bool& another_runs) {
  namespace fs = std::filesystem;
  std::vector<LeftSession> found;
  another_runs = false;
  const fs::path path(prefix);
  const std::string begin = path.filename().string() + kInfix;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(path.parent_path(), ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.rfind(begin, 0) != 0) continue;
    LeftSession one;
    one.file = entry.path().string();
    one.id = name.substr(begin.size());
    one.lock.reset(open(one.file.c_str(), O_RDWR | O_CLOEXEC));
    if (!one.lock.is_open()) continue;
    if (flock(one.lock.number(), LOCK_EX | LOCK_NB) != 0) {
      another_runs = true;
      continue;
    }
    std::array<std::uint64_t, kWords> words{};
    const ssize_t size = pread(one.lock.number(), words.data(), kSize, 0);
    if (size >= ssize_t{kTotals * sizeof(std::uint64_t)} && words[0] == kMagic) {
      one.undone = undo(words);
      one.totals = totals_in(words);
      one.written = amounts_in(std::span(words).subspan(written_at(words[kHolds]), kSums));
    }
    found.push_back(std::move(one));
  }
  return found;
}

}  // namespace ctflow::accounting
