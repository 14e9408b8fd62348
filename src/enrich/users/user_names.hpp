// SPDX-License-Identifier: GPL-2.0-or-later
// Names of users, as one file has them.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ctflow/flow.hpp"
#include "enrich/networks/prefix_map.hpp"

namespace ctflow {

/// Lines `NETWORK NAME`, `MAC NAME` and `mark=N NAME`. A name may have spaces within and several
/// lines. What follows a `#` is a comment.
class UserNames {
 public:
  /// Octets of a name at most: NetFlow v9 has 64, of which one is zero.
  static constexpr std::size_t kLongestName = 63;

  /// Throws std::runtime_error where the file cannot be read or a line is wrong. The message begins
  /// with the file, and has the number of the line.
  explicit UserNames(const std::string& file);

  /// Whose connection it is; empty: nothing is known. A mark goes before MAC addresses, and those
  /// before networks; the initiator before the responder, but of networks the longer prefix first.
  /// Both ends as hosts have their addresses, on either side of a translation. Valid as long as
  /// this.
  [[nodiscard]] std::string_view find(const Flow& flow) const;

  // For DatabaseStatus.
  [[nodiscard]] const std::string& type() const { return type_; }
  /// When the file was written.
  [[nodiscard]] std::chrono::sys_seconds built() const { return built_; }

 private:
  friend class UserNamesReader;

  std::string type_ = "names of users";
  std::vector<std::string> names_{""};
  std::unordered_map<std::uint32_t, std::uint16_t> marks_;  ///< index in names_
  std::unordered_map<std::uint64_t, std::uint16_t> macs_;
  PrefixMap networks_;
  std::chrono::sys_seconds built_{};
};

}  // namespace ctflow
