// SPDX-License-Identifier: GPL-2.0-or-later
// The file of a connection log: appended to, rotated, and opened again.
#pragma once

#include <chrono>
#include <string>
#include <utility>

#include "connection_log/line_target.hpp"
#include "ctflow/clock.hpp"
#include "ctflow/config.hpp"
#include "process/descriptor.hpp"

namespace ctflow {

/// Lines are appended (O_APPEND) whole or not at all: what a full disk took of them is taken out
/// again. A file that ends within a line, because a process was killed, gets a line feed first, so
/// that nothing is glued to that rest. Where the file was removed or renamed without notice a new
/// one is begun within a second.
///
/// A rotated file is called FILE.YYYYmmddTHHMMSSZ by the time of its rotation, with -NUMBER behind
/// it where that is taken. Nothing is ever overwritten.
class LogFile : public LineTarget {
 public:
  /// `clock`: the steady one decides when the name is looked at.
  LogFile(std::string path, const RotationConfig& rotate, Clock clock = system_now);

  std::error_code begin(TimePoint now) override;
  std::error_code append(std::string_view lines, TimePoint now) override;
  void reopen() override { file_.reset(); }
  [[nodiscard]] const char* doing() const override { return doing_; }
  TargetNews take_news() override { return std::exchange(news_, {}); }

 private:
  std::error_code open_file(TimePoint now);
  std::error_code finish_torn_line();
  /// Notes why the name does not lead to the open file any more.
  void watch_name();
  [[nodiscard]] bool is_over(std::size_t more, TimePoint now) const;
  void rotate(TimePoint now);
  void remove_oldest();
  void failed(const char* doing, int error);
  std::error_code write_all(std::string_view lines);

  std::string path_;
  RotationConfig rotate_;
  Clock clock_;
  Descriptor file_;
  const char* doing_ = "";
  std::uint64_t size_ = 0;
  TimePoint end_ = TimePoint::max();  ///< when the file's time is over
  MonoTime looked_{};
  std::string base_{};        ///< name of the last rotated file, without number
  std::uint64_t number_ = 0;  ///< … and its number, 0: none
  TargetNews news_;
};

}  // namespace ctflow
