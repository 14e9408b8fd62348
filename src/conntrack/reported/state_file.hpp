// SPDX-License-Identifier: GPL-2.0-or-later
// What was reported of existing connections, stored for the next ctflowd.
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "conntrack/reported/reported_map.hpp"
#include "process/descriptor.hpp"

namespace ctflow {

/// Of which table a file is, and how it counts. A file of another one is of no use.
struct StateIdentity {
  std::string boot;         ///< the kernel's boot_id
  std::uint64_t table = 0;  ///< inode of the network namespace
  bool wire_counters = false;

  friend bool operator==(const StateIdentity&, const StateIdentity&) = default;
};

/// Of the network namespace that the calling thread is in.
StateIdentity current_identity(bool wire_counters);

/// The file is replaced whole or not at all. It is not synchronised with the disk: after a crash of
/// the machine nothing of it is of use anyway.
///
/// An old file does no harm. What it has of a connection was reported, if not all that was.
///
/// Layout, by the machine's byte order: "ctflowd4", length of boot (4 octets), boot, table (8),
/// wire_counters (1), then for each connection key, packets and octets of the original and the
/// reply direction, and nanoseconds of ReportedConnection::reported_until (6 times 8 octets; bit 63
/// of the packets of the original direction is ReportedConnection::wire), then the keys of ends
/// that the kernel may send again (8 each), the number of those (8), at last a hash of all before
/// (8). "ctflowd2" and "ctflowd3" were the same with keys by other hashes.
///
/// Only regular files are read, in pieces of fixed size, and no symbolic link is followed. Only
/// their owner may read what is written.
class StateFile {
 public:
  /// Nothing is opened until it is needed.
  StateFile(std::string name, StateIdentity identity);
  ~StateFile() = default;

  StateFile(const StateFile&) = delete;
  StateFile& operator=(const StateFile&) = delete;
  StateFile(StateFile&&) = delete;
  StateFile& operator=(StateFile&&) = delete;

  /// Makes the file ours as long as this exists. False, and logged: another process has it.
  bool claim();

  /// Gives every connection of the file to `take` and every end to `take_ended`, once the whole
  /// file is known to be good. The number of connections; nothing, and logged, when there is no
  /// file of use.
  std::optional<std::size_t> load(const std::function<void(const ReportedConnection&)>& take,
                                  const std::function<void(std::uint64_t)>& take_ended = {}) const;

  /// Starts a new file beside the old one. False, and logged: it cannot be made.
  bool begin();
  void add(const ReportedConnection& entry);
  /// Behind the last add().
  void add_ended(std::uint64_t key);
  /// Ends the new file. False, and logged: it could not be written, and the old one stays.
  bool finish();
  /// Puts the new file into the place of the old one, after finish(). False, and logged: the old
  /// one stays.
  bool commit();

 private:
  struct Closer {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  void write(const void* data, std::size_t size);
  bool fail(const char* what, int error);
  [[nodiscard]] std::string new_name() const { return name_ + ".new"; }

  std::string name_;
  StateIdentity identity_;
  std::unique_ptr<std::FILE, Closer> file_;
  std::uint64_t hash_ = 0;
  std::uint64_t ended_ = 0;  ///< keys written
  Descriptor claim_;         ///< of the lock
  int error_ = 0;            ///< the first one of writing
  bool finished_ = false;
};

}  // namespace ctflow
