// SPDX-License-Identifier: GPL-2.0-or-later
#include "connection_log/log_writer.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

namespace ctflow {
namespace {

constexpr std::chrono::seconds kRetry{1};
constexpr std::size_t kSpare = 4;  ///< buffers that are kept for lines to come

}  // namespace

struct LogWriter::Shared {
  struct Batch {
    std::string lines;
    MessageContent content;
    TimePoint since;
  };

  explicit Shared(std::unique_ptr<LineTarget> to, std::size_t most)
      : target(std::move(to)), limit(most) {}

  const std::unique_ptr<LineTarget> target;  ///< the thread's
  const std::size_t limit;

  mutable std::mutex mutex;
  std::condition_variable work;
  std::deque<Batch> waiting;  ///< the first is being written while `writing`
  std::vector<std::string> spare;
  std::size_t octets = 0;
  Report report;
  bool writing = false;
  bool reopen = false;
  bool stopping = false;
  bool given_up = false;  ///< what waits is not the thread's any more

  void add(const TargetNews& news) {
    report.news.begun += news.begun;
    report.news.rotated += news.rotated;
    report.news.torn += news.torn;
    if (!news.failed.empty()) report.news.failed = news.failed;
  }

  /// What an attempt has come to. True: it failed.
  bool note(const std::error_code& error) {
    report.begun = true;
    report.failing = static_cast<bool>(error);
    if (!error) return false;
    report.error = error;
    report.doing = target->doing();
    report.failed = true;
    return true;
  }
};

LogWriter::LogWriter(std::unique_ptr<LineTarget> target, std::size_t limit)
    : shared_(std::make_shared<Shared>(std::move(target), limit)) {
  thread_.start("log-writer", [shared = shared_] { run(shared); });
}

LogWriter::~LogWriter() { stop(std::chrono::milliseconds(0)); }

void LogWriter::run(const std::shared_ptr<Shared>& shared) {
  Shared& own = *shared;
  std::unique_lock lock(own.mutex);
  bool failing = false;
  while (!own.given_up) {
    // Lines that are added meanwhile wait as well: a full disk is not asked for each batch.
    if (failing) own.work.wait_for(lock, kRetry, [&] { return own.stopping || own.reopen; });
    const bool idle = own.waiting.empty() && !own.stopping && !own.reopen;
    if (idle && (failing || !own.report.begun)) {
      lock.unlock();
      const std::error_code error = own.target->begin(std::chrono::system_clock::now());
      const TargetNews news = own.target->take_news();
      lock.lock();
      own.add(news);
      failing = own.note(error);
      continue;
    }
    own.work.wait(lock, [&] { return own.stopping || own.reopen || !own.waiting.empty(); });
    if (own.given_up) break;
    const bool reopen = std::exchange(own.reopen, false);
    if (own.waiting.empty() && !reopen) break;  // stopping
    own.writing = !own.waiting.empty();
    std::string lines;
    if (own.writing) lines.swap(own.waiting.front().lines);
    lock.unlock();
    if (reopen) own.target->reopen();
    std::error_code error;
    if (!lines.empty()) error = own.target->append(lines, std::chrono::system_clock::now());
    const TargetNews news = own.target->take_news();
    lock.lock();
    own.add(news);
    if (lines.empty() || own.given_up) continue;
    own.writing = false;
    failing = own.note(error);
    if (error) {
      own.waiting.front().lines.swap(lines);
      if (own.stopping) break;  // it had its chance
      continue;
    }
    own.report.written.push_back({own.waiting.front().content, lines.size()});
    own.octets -= lines.size();
    own.waiting.pop_front();
    lines.clear();
    if (own.spare.size() < kSpare) own.spare.push_back(std::move(lines));
  }
}

bool LogWriter::add(std::string& lines, const MessageContent& content, TimePoint now) {
  {
    const std::scoped_lock lock(shared_->mutex);
    if (shared_->stopping || shared_->octets + lines.size() > shared_->limit) return false;
    shared_->octets += lines.size();
    shared_->waiting.push_back({std::move(lines), content, now});
    lines = std::string();
    if (!shared_->spare.empty()) {
      lines = std::move(shared_->spare.back());
      shared_->spare.pop_back();
    }
  }
  shared_->work.notify_one();
  return true;
}

void LogWriter::reopen() {
  {
    const std::scoped_lock lock(shared_->mutex);
    shared_->reopen = true;
  }
  shared_->work.notify_one();
}

LogWriter::Report LogWriter::take_report() {
  const std::scoped_lock lock(shared_->mutex);
  Report report = shared_->report;
  shared_->report.written.clear();
  shared_->report.news = {};
  shared_->report.failed = false;
  return report;
}

bool LogWriter::empty() const {
  const std::scoped_lock lock(shared_->mutex);
  return shared_->waiting.empty();
}

std::size_t LogWriter::octets() const {
  const std::scoped_lock lock(shared_->mutex);
  return shared_->octets;
}

std::size_t LogWriter::limit() const { return shared_->limit; }

std::optional<TimePoint> LogWriter::oldest() const {
  const std::scoped_lock lock(shared_->mutex);
  if (shared_->waiting.empty()) return std::nullopt;
  return shared_->waiting.front().since;
}

std::vector<WrittenBatch> LogWriter::stop(std::chrono::milliseconds patience) {
  {
    const std::scoped_lock lock(shared_->mutex);
    shared_->stopping = true;
    shared_->work.notify_one();
  }
  thread_.ended_within(patience);
  const std::scoped_lock lock(shared_->mutex);
  shared_->given_up = true;
  std::vector<WrittenBatch> left;
  for (const Shared::Batch& one : shared_->waiting) left.push_back({one.content, one.lines.size()});
  shared_->waiting.clear();
  shared_->octets = 0;
  return left;
}

}  // namespace ctflow
