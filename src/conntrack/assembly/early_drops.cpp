// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/assembly/early_drops.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "ctflow/clock.hpp"

namespace ctflow {
namespace {

constexpr std::chrono::milliseconds kReadAgain{1};
/// Longer than an event waits to be read.
constexpr std::chrono::seconds kComesWithin{10};

/// Adds up the column `early_drop`: a heading, then a line of hexadecimal numbers for each CPU
/// (ct_cpu_seq_show(), nf_conntrack_standalone.c). Takes the file in pieces.
class Column {
 public:
  void take(std::string_view piece) {
    for (const char c : piece) {
      if (c == ' ' || c == '\t' || c == '\n') {
        end_word();
        if (c == '\n') end_line();
      } else if (length_ < word_.size()) {
        word_[length_++] = c;
      }
    }
  }

  [[nodiscard]] std::uint64_t sum() const { return sum_; }

 private:
  void end_word() {
    if (length_ == 0) return;
    const std::string_view word(word_.data(), length_);
    if (heading_ && word == "early_drop") wanted_ = index_;
    if (!heading_ && wanted_ == index_) sum_ += number(word);
    ++index_;
    length_ = 0;
  }

  void end_line() {
    heading_ = false;
    index_ = 0;
  }

  static std::uint64_t number(std::string_view word) {
    std::uint64_t value = 0;
    for (const char c : word) {
      if (c >= '0' && c <= '9') {
        value = value * 16 + static_cast<std::uint64_t>(c - '0');
      } else if (c >= 'a' && c <= 'f') {
        value = value * 16 + static_cast<std::uint64_t>(c - 'a' + 10);
      } else {
        return 0;
      }
    }
    return value;
  }

  std::array<char, 32> word_{};
  std::size_t length_ = 0;
  std::size_t index_ = 0;
  std::optional<std::size_t> wanted_;
  bool heading_ = true;
  std::uint64_t sum_ = 0;
};

}  // namespace

EarlyDrops::EarlyDrops(const std::string& file)
    : file_(open(file.c_str(), O_RDONLY | O_CLOEXEC)), counted_(read()) {}

std::uint64_t EarlyDrops::read() const {
  if (!file_.is_open()) return 0;
  Column column;
  std::array<char, 4096> piece{};
  off_t offset = 0;
  for (;;) {
    const ssize_t length = pread(file_.number(), piece.data(), piece.size(), offset);
    if (length <= 0) return column.sum();
    column.take({piece.data(), static_cast<std::size_t>(length)});
    offset += length;
  }
}

void EarlyDrops::count(MonoTime now) {
  read_at_ = now;
  const std::uint64_t counted = read();
  // Fewer than before: the counters were reset.
  if (counted > counted_) unclaimed_ += counted - counted_;
  counted_ = counted;
}

bool EarlyDrops::claim(MonoTime now) {
  if (earlier_ > 0) {
    --earlier_;
    return true;
  }
  if (unclaimed_ == 0 && (read_at_ == MonoTime::min() || now - read_at_ >= kReadAgain)) count(now);
  if (unclaimed_ == 0) return false;
  --unclaimed_;
  return true;
}

void EarlyDrops::forget_old(MonoTime now) {
  if (now - forgot_at_ < kComesWithin) return;
  forgot_at_ = now;
  earlier_ = std::exchange(unclaimed_, 0);
  count(now);
}

}  // namespace ctflow
