// SPDX-License-Identifier: GPL-2.0-or-later
// The network interfaces of this host, for collectors that want to show names.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace ctflow {

/// Names by ifIndex. Every change gets the next version, so that an output that keeps the version
/// it sent last has to send only what is newer.
class InterfaceNames {
 public:
  struct Entry {
    std::string name;
    std::uint64_t version = 0;
  };

  /// False: nothing new.
  bool set(std::uint32_t index, const std::string& name) {
    Entry& entry = entries_[index];
    if (entry.version != 0 && entry.name == name) return false;
    entry = {name, ++version_};
    return true;
  }
  /// Outputs send nothing for a removed interface: its ifIndex is not used again soon.
  void remove(std::uint32_t index) { entries_.erase(index); }

  [[nodiscard]] std::uint64_t version() const { return version_; }
  [[nodiscard]] const std::map<std::uint32_t, Entry>& entries() const { return entries_; }

 private:
  std::map<std::uint32_t, Entry> entries_;
  std::uint64_t version_ = 0;
};

}  // namespace ctflow
