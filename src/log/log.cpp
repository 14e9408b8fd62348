// SPDX-License-Identifier: GPL-2.0-or-later
#include "log/log.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <mutex>

#include "log/journal.hpp"
#include "log/line_format.hpp"
#include "log/log_output.hpp"
#include "log/structured.hpp"
#include "text/escape.hpp"

namespace ctflow::log {
namespace {

/// Of syslog(3).
int priority_of(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::critical:
    case spdlog::level::err:
      return 3;
    case spdlog::level::warn:
      return 4;
    case spdlog::level::info:
      return 6;
    default:
      return 7;
  }
}

/// `<N>`: the priority prefix that journald takes from a service's stderr (sd-daemon(3)).
class JournalPriority : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm& /*time*/,
              spdlog::memory_buf_t& dest) override {
    const auto priority = static_cast<char>('0' + priority_of(message.level));
    const char prefix[] = {'<', priority, '>'};
    dest.append(prefix, prefix + sizeof prefix);
  }

  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<JournalPriority>();
  }
};

constexpr const char* kTime = "%Y-%m-%dT%H:%M:%S.%e%z";

class JsonFormatter : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& dest) override {
    spdlog::memory_buf_t time;
    time_.format(message, time);
    const auto level = spdlog::level::to_string_view(message.level);
    const std::string line = json_line({time.data(), time.size()}, {level.data(), level.size()},
                                       {message.payload.data(), message.payload.size()});
    dest.append(line.data(), line.data() + line.size());
  }

  [[nodiscard]] std::unique_ptr<formatter> clone() const override {
    return std::make_unique<JsonFormatter>();
  }

 private:
  spdlog::pattern_formatter time_{kTime, spdlog::pattern_time_type::local, ""};
};

std::unique_ptr<spdlog::formatter> text_formatter() {
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  if (is_journal(std::getenv("JOURNAL_STREAM"))) {
    formatter->add_flag<JournalPriority>('*').set_pattern("%*%v");
  } else {
    formatter->set_pattern(std::string(kTime) + " %l %v");
  }
  return formatter;
}

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

/// The logger that has a Sink, and no other one.
constexpr const char* kLogger = "ctflowd";

/// Lines to stderr or the journal, and how many of them found no room there. Any thread may log.
class Sink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  void may_wait(std::chrono::milliseconds patience) {
    const std::lock_guard lock(mutex_);
    output_.may_wait(patience);
    if (journal_) journal_->may_wait(patience);
  }
  /// Null: to stderr.
  void write_to(std::unique_ptr<Journal> journal) {
    const std::lock_guard lock(mutex_);
    journal_ = std::move(journal);
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    if (lost() > 0 && !report_lost()) return;
    put(message);
  }
  void flush_() override {}

 private:
  [[nodiscard]] std::uint64_t lost() const { return journal_ ? journal_->lost() : output_.lost(); }

  bool put(const spdlog::details::log_msg& message) {
    if (journal_) {
      return journal_->write(journal_message(priority_of(message.level),
                                             {message.payload.data(), message.payload.size()}));
    }
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    return output_.write({line.data(), line.size()});
  }

  /// False: there still is no room, and the line that was to follow is lost, too.
  bool report_lost() {
    const std::string text = fmt::format(
        "log_lines_lost lost={} impact=\"the reader of the log did not keep up\"", lost());
    // If it is lost it is counted, in the place of the line that was to follow.
    if (!put(spdlog::details::log_msg(kLogger, spdlog::level::warn, text))) return false;
    journal_ ? journal_->take_lost() : output_.take_lost();
    return true;
  }

  LogOutput output_{STDERR_FILENO};
  std::unique_ptr<Journal> journal_;
};

/// Null before configure().
Sink* installed_sink() {
  const spdlog::logger& logger = *spdlog::default_logger_raw();
  return logger.name() == kLogger ? static_cast<Sink*>(logger.sinks().front().get()) : nullptr;
}

/// ASCII that needs neither quotes nor escapes.
bool is_harmless(char c) { return c > ' ' && c < 0x7f && c != '"' && c != '\\' && c != '='; }

}  // namespace

void configure(LogLevel level) {
  if (installed_sink() != nullptr) {
    spdlog::default_logger()->set_level(to_spdlog(level));
    return;
  }
  auto logger = std::make_shared<spdlog::logger>(kLogger, std::make_shared<Sink>());
  logger->set_formatter(text_formatter());
  logger->set_level(to_spdlog(level));
  spdlog::set_default_logger(std::move(logger));
}

void use(LineFormat format) {
  Sink* const sink = installed_sink();
  if (sink == nullptr) return;
  sink->write_to(format == LineFormat::kJournal ? std::make_unique<Journal>() : nullptr);
  sink->set_formatter(format == LineFormat::kJson ? std::make_unique<JsonFormatter>()
                                                  : text_formatter());
}

void may_wait(std::chrono::milliseconds patience) {
  if (Sink* const sink = installed_sink()) sink->may_wait(patience);
}

bool is_journal(const char* stream) {
  struct stat here {};
  if (stream == nullptr || fstat(STDERR_FILENO, &here) != 0) return false;
  return fmt::format("{}:{}", here.st_dev, here.st_ino) == stream;
}

std::string quoted(std::string_view value) {
  if (!value.empty() && std::all_of(value.begin(), value.end(), is_harmless)) {
    return std::string(value);
  }
  return text::quoted(value);
}

bool RateLimit::allow(MonoTime now) {
  if (now < next_) {
    ++pending_;
    return false;
  }
  next_ = now + interval_;
  reported_ = std::exchange(pending_, 0);
  return true;
}

}  // namespace ctflow::log
