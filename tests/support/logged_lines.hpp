// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <cstddef>
#include <memory>
#include <sstream>
#include <string>

namespace ctflow::test {

/// What is logged while it exists.
class LoggedLines {
 public:
  LoggedLines() {
    logger_->set_level(spdlog::level::info);
    logger_->sinks().push_back(std::make_shared<spdlog::sinks::ostream_sink_mt>(text_));
  }
  ~LoggedLines() {
    logger_->sinks().pop_back();
    logger_->set_level(level_);
  }
  LoggedLines(const LoggedLines&) = delete;
  LoggedLines& operator=(const LoggedLines&) = delete;
  LoggedLines(LoggedLines&&) = delete;
  LoggedLines& operator=(LoggedLines&&) = delete;

  [[nodiscard]] std::size_t count(const std::string& part) const {
    const std::string text = text_.str();
    std::size_t found = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
      ++found;
    }
    return found;
  }

 private:
  std::shared_ptr<spdlog::logger> logger_ = spdlog::default_logger();
  spdlog::level::level_enum level_ = logger_->level();
  std::ostringstream text_;
};

}  // namespace ctflow::test
