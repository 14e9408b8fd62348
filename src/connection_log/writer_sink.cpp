// SPDX-License-Identifier: GPL-2.0-or-later
#include "connection_log/writer_sink.hpp"

#include <algorithm>
#include <utility>

#include "process/disk_errors.hpp"

namespace ctflow {
namespace {

/// Pause between looks at what the thread has done.
constexpr std::chrono::milliseconds kLookInterval{20};
/// … where there are no lines, and the file cannot be opened.
constexpr std::chrono::seconds kRetryInterval{1};

/// For what a disk that does not answer is waited for at the end.
constexpr std::chrono::seconds kPatience{1};

std::string peer_of(const ConnectionLogConfig& config) {
  return config.to == LogDestination::kStdout ? "stdout" : log::quoted(config.path);
}

const char* fix_for(const std::error_code& error) {
  if (lacks_room(error)) return "make room on the file system, or raise the quota";
  if (error == std::errc::no_such_file_or_directory) return "create the directory";
  if (error == std::errc::permission_denied || error == std::errc::operation_not_permitted) {
    return "give the directory and the file to the user that ctflowd runs as";
  }
  if (error == std::errc::too_many_symbolic_link_levels) return "set path to the file itself";
  if (error == std::errc::not_supported || error == std::errc::is_a_directory) {
    return "set path to a file: to: unix is for a socket";
  }
  return "see the error";
}

}  // namespace

WriterSink::WriterSink(const ConnectionLogConfig& config, std::unique_ptr<LineTarget> target,
                       ExportLedger& ledger)
    : config_(config), ledger_(ledger), writer_(std::move(target), config.buffer) {}

void WriterSink::deliver(std::string& lines, const MessageContent& content, const Instant& now) {
  take_report(now);  // what was written makes room
  if (writer_.add(lines, content, now.wall)) {
    ledger_.wait(content);
    look_at_ = std::min(look_at_, now.steady + kLookInterval);
    return;
  }
  lines.clear();
  ledger_.lost(failing_ ? LossReason::kWriteError : LossReason::kWouldBlock, content);
}

void WriterSink::tick(const Instant& now) {
  if (now.steady < look_at_) return;
  take_report(now);
  if (!writer_.empty() || !begun_) {
    look_at_ = now.steady + kLookInterval;
  } else {
    look_at_ = failing_ ? now.steady + kRetryInterval : MonoTime::max();
  }
}

void WriterSink::take_report(const Instant& now) {
  const LogWriter::Report report = writer_.take_report();
  for (const WrittenBatch& one : report.written) ledger_.sent_after_wait(one.content, one.octets);
  if (report.failed) note_failure(report, now);
  if (failing_ && !report.failing) {
    log::info("connection_log_continues log={} path={}", config_.name, peer_of(config_));
  }
  failing_ = report.failing;
  begun_ = report.begun;
  log_news(report.news);
}

void WriterSink::note_failure(const LogWriter::Report& report, const Instant& now) {
  const std::string reason = fmt::format("{}: {}", report.doing, report.error.message());
  last_failure_ = {FailureKind::kFile, reason, now.steady};
  if (!failure_log_.allow()) return;
  log::error(
      "connection_log_failed log={} path={} doing={} error={} waiting_flows={} lost={} "
      "impact=\"lines wait in memory, up to buffer ({} octets), and beyond that are lost\" "
      "fix={} suppressed={}",
      config_.name, peer_of(config_), report.doing, log::quoted(report.error.message()),
      ledger_.counters().waiting.flows, ledger_.counters().lost(), config_.buffer,
      log::quoted(fix_for(report.error)), failure_log_.suppressed());
}

void WriterSink::log_news(const TargetNews& news) {
  for (std::uint64_t i = 0; i < news.begun; ++i) ledger_.session_begun();
  if (news.torn > 0) {
    log::warn(
        "connection_log_torn log={} path={} impact=\"one line that an earlier process did not "
        "complete is no JSON; the next begins on a line of its own\" fix=\"let what reads the file "
        "skip that line\"",
        config_.name, peer_of(config_));
  }
  if (news.rotated > 0) {
    log::info("connection_log_rotated log={} path={} files={}", config_.name, peer_of(config_),
              news.rotated);
  }
  if (!news.failed.empty() && news_log_.allow()) {
    log::warn(
        "connection_log_not_rotated log={} path={} error={} impact=\"lines go on in the same file, "
        "or older files stay\" fix=\"give the directory to the user that ctflowd runs as\" "
        "suppressed={}",
        config_.name, peer_of(config_), log::quoted(news.failed), news_log_.suppressed());
  }
}

void WriterSink::stop() {
  if (std::exchange(stopped_, true)) return;
  const std::vector<WrittenBatch> left = writer_.stop(kPatience);
  take_report(system_now());
  for (const WrittenBatch& one : left) {
    ledger_.lost_after_wait(
        failing_ ? LossReason::kWriteError : LossReason::kStopped,
        {1, one.content.flows, one.content.data_records, one.content.packets, one.content.octets});
  }
}

void WriterSink::describe(OutputStatus& status) const {
  status.peer = peer_of(config_);
  status.connected = !failing_;
  status.last_failure = last_failure_;
  Backlog backlog;
  backlog.memory = writer_.octets();
  backlog.memory_limit = writer_.limit();
  backlog.oldest = writer_.oldest();
  status.backlog = std::move(backlog);
}

}  // namespace ctflow
