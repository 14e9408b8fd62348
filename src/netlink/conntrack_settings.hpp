// SPDX-License-Identifier: GPL-2.0-or-later
// Settings of the connection table: net.netfilter.nf_conntrack_*.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>

#include "process/descriptor.hpp"

namespace ctflow {

inline constexpr const char* kSettingsDirectory = "/proc/sys/net/netfilter";

/// Reads settings of one network namespace, that of the thread which opens the directory.
class SettingsReader {
 public:
  explicit SettingsReader(const std::string& directory = kSettingsDirectory);
  ~SettingsReader() = default;

  SettingsReader(const SettingsReader&) = delete;
  SettingsReader& operator=(const SettingsReader&) = delete;
  SettingsReader(SettingsReader&&) = delete;
  SettingsReader& operator=(SettingsReader&&) = delete;

  /// Why the directory cannot be opened, if so.
  [[nodiscard]] const std::error_code& error() const { return error_; }

  /// Sets `value` from a file that holds one plain number. An error leaves it as it is:
  /// std::errc::no_such_file_or_directory, std::errc::invalid_argument (no number), or another.
  std::error_code read(const char* name, std::uint32_t& value) const;

 private:
  Descriptor directory_;
  std::error_code error_;
};

/// `name` of `directory`; nothing if it is not there, cannot be read or is no plain number.
std::optional<std::uint32_t> conntrack_setting(const std::string& directory, const char* name);

/// nf_conntrack_events: 0 off, 1 on, 2 for connections that begin while a listener exists.
std::uint32_t events_mode(const std::string& directory = kSettingsDirectory);

/// nf_conntrack_max, 0 if that is not known.
std::size_t table_limit(const std::string& directory = kSettingsDirectory);

/// Entries in the connection table, 0 if that is not known.
std::size_t table_size(const std::string& directory = kSettingsDirectory);

}  // namespace ctflow
