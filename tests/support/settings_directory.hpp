// SPDX-License-Identifier: GPL-2.0-or-later
// A stand-in for /proc/sys/net/netfilter.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace ctflow::test {

/// Begins with everything ctflowd wants to be on, on a stock kernel; vanishes with the object.
class SettingsDirectory {
 public:
  SettingsDirectory() {
    std::string name = testing::TempDir() + "netfilter-XXXXXX";
    path_ = mkdtemp(name.data());
    set("nf_conntrack_acct", "1\n");
    set("nf_conntrack_timestamp", "1\n");
    set("nf_conntrack_events", "1\n");
  }
  ~SettingsDirectory() { clear(); }
  SettingsDirectory(const SettingsDirectory&) = delete;
  SettingsDirectory& operator=(const SettingsDirectory&) = delete;
  SettingsDirectory(SettingsDirectory&&) = delete;
  SettingsDirectory& operator=(SettingsDirectory&&) = delete;

  void set(const std::string& name, const std::string& value) const {
    std::ofstream(path_ / name) << value;
  }
  /// As if conntrack were not there.
  void clear() const { std::filesystem::remove_all(path_); }

  [[nodiscard]] std::string path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace ctflow::test
