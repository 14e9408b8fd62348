// SPDX-License-Identifier: GPL-2.0-or-later
// What libbpf and the kernel's verifier say, as one line.
#pragma once

#include <string>
#include <string_view>

namespace ctflow {

/// While it exists, libbpf's messages go to our log (level debug), and the last that has a cause
/// is kept. One at a time: libbpf knows one receiver.
class LibraryLog {
 public:
  LibraryLog();
  ~LibraryLog();

  LibraryLog(const LibraryLog&) = delete;
  LibraryLog& operator=(const LibraryLog&) = delete;
  LibraryLog(LibraryLog&&) = delete;
  LibraryLog& operator=(LibraryLog&&) = delete;

  /// Empty: nothing was said.
  [[nodiscard]] const std::string& cause() const { return cause_; }

  /// A warning of libbpf, which may have many lines.
  void take(std::string_view text);

 private:
  std::string cause_;
};

/// The line of the verifier's log that says what it objects to; empty if `text` is no such log.
std::string verifiers_last_words(std::string_view text);

}  // namespace ctflow
