// SPDX-License-Identifier: GPL-2.0-or-later
// Whether a file is still the one that was read.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace ctflow {

class FileWatch {
 public:
  explicit FileWatch(std::string file) : file_(std::move(file)) {}

  [[nodiscard]] const std::string& file() const { return file_; }

  /// The first time, and when it is another file than the last time or has changed, also in what
  /// prevents that it is looked at. To be asked before the file is read: what changes while it is
  /// read is seen the next time.
  bool changed();
  /// It is to be read again though it does not change.
  void forget() { mark_.reset(); }

 private:
  /// What changes when a file does; of one that cannot be looked at, why.
  using Mark = std::array<std::int64_t, 7>;

  [[nodiscard]] Mark mark() const;

  std::string file_;
  std::optional<Mark> mark_;
};

}  // namespace ctflow
