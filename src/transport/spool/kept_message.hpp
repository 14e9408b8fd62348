// SPDX-License-Identifier: GPL-2.0-or-later
// A message on its way through the spool.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "ctflow/clock.hpp"
#include "transport/session/session.hpp"

namespace ctflow {

/// Where a message lies on disk.
struct DiskPlace {
  std::uint64_t segment = 0;  ///< number of the file
  std::uint64_t offset = 0;   ///< of the record in it
};

/// A message that waits, with its own sequence number, as the encoder made it.
struct KeptMessage {
  std::vector<std::byte> bytes;
  MessageContent content;
  std::shared_ptr<const Origin> origin;
  TimePoint kept{};  ///< since when it waits, by the wall clock: the disk outlives the process
  std::optional<DiskPlace> place{};  ///< nothing: in memory only
  MonoTime since{};                  ///< in the memory of this process
};

}  // namespace ctflow
