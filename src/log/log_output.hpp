// SPDX-License-Identifier: GPL-2.0-or-later
// Where log lines go: a descriptor whose reader may have stopped to read.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "process/descriptor.hpp"

namespace ctflow::log {

/// Never waits for a reader, but for as long as it may: a pipe or socket that is full must not hold
/// up the flows. A line then is lost as a whole and counted; one that went out in part is completed
/// before the next.
class LogOutput {
 public:
  /// The descriptor stays its owner's. What it stands for may change, as by dup2(2).
  explicit LogOutput(int descriptor) : given_(descriptor) {}
  ~LogOutput() = default;

  LogOutput(const LogOutput&) = delete;
  LogOutput& operator=(const LogOutput&) = delete;
  LogOutput(LogOutput&&) = delete;
  LogOutput& operator=(LogOutput&&) = delete;

  /// False: the line was lost.
  bool write(std::string_view line);

  /// Lines that were lost since the last take_lost().
  [[nodiscard]] std::uint64_t lost() const { return lost_; }
  std::uint64_t take_lost();

  /// How long all the lines from now on may wait for the reader, together.
  void may_wait(std::chrono::milliseconds patience) { patience_ = patience; }

 private:
  /// Looks at what the descriptor stands for now.
  void look();
  /// Octets that were taken; -1: none, see errno.
  [[nodiscard]] ssize_t give(std::string_view text) const;
  /// All of `text` that is taken now or within the patience; the rest.
  std::string_view push(std::string_view text);
  bool wait();

  int given_;
  Descriptor own_;  ///< the same pipe or terminal, opened so that writing does not block
  bool socket_ = false;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  std::string rest_;  ///< of a line that went out in part
  std::uint64_t lost_ = 0;
  std::chrono::milliseconds patience_{1000};
};

}  // namespace ctflow::log
