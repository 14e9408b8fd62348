// SPDX-License-Identifier: GPL-2.0-or-later
// The socket of systemd's journal.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "process/descriptor.hpp"

namespace ctflow::log {

/// Never waits for the journal, but for as long as it may: messages that it does not take are lost
/// and counted.
class Journal {
 public:
  static constexpr const char* kSocket = "/run/systemd/journal/socket";

  /// Throws std::system_error when no program reads there.
  explicit Journal(std::string path = kSocket);

  /// False: the message was lost.
  bool write(std::string_view message);

  [[nodiscard]] std::uint64_t lost() const { return lost_; }
  std::uint64_t take_lost();

  /// How long all the messages from now on may wait for the journal, together.
  void may_wait(std::chrono::milliseconds patience) { patience_ = patience; }

 private:
  /// errno, or zero.
  int connect();
  int send(std::string_view message);
  bool wait();

  const std::string path_;
  Descriptor socket_;
  std::uint64_t lost_ = 0;
  std::chrono::milliseconds patience_{1000};
};

}  // namespace ctflow::log
