// SPDX-License-Identifier: GPL-2.0-or-later
// What a file says, read again when the file changes.
#pragma once

#include <pthread.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "ctflow/database_status.hpp"
#include "event_loop/rounds.hpp"
#include "event_loop/timer.hpp"
#include "log/log.hpp"
#include "process/file_watch.hpp"
#include "process/signals_blocked.hpp"

namespace ctflow {

/// When a file is read for the first time.
enum class FirstRead : std::uint8_t {
  kAtOnce,    ///< before the constructor ends: there are no flows yet
  kInThread,  ///< once the event loop runs: flows go on meanwhile
};

/// Reads the file, and again, in a thread, whenever it is another file or has changed: the disk
/// must not delay flows. While a file cannot be used what it said before stays in use, and
/// what is wrong is logged once for each change. `Content` has type() and built(), as
/// DatabaseStatus has them.
template <typename Content>
class FollowedFile {
 public:
  /// Does the work while no other thread uses content().
  using Alone = std::function<void(const std::function<void()>& work)>;

  static constexpr std::chrono::seconds kInterval{10};

  /// Reads a file of this name, in another thread; an exception's what() is what is wrong.
  using Read = std::function<std::unique_ptr<const Content>(const std::string& file)>;

  /// `setting`: of `enrich:`, for messages.
  FollowedFile(boost::asio::io_context& io, std::string file, const char* setting, Read read,
               std::chrono::milliseconds interval, FirstRead first = FirstRead::kAtOnce,
               Alone alone = {})
      : read_(std::move(read)),
        interval_(interval),
        status_{setting, file},
        watch_(std::move(file)),
        timer_(io) {
    if (first == FirstRead::kInThread) {
      timer_.soon([this] { look(); });
    } else {
      watch_.changed();
      take(load(read_, status_.file));
      look_later();
    }
    alone_ = std::move(alone);
  }

  /// Null: no file was usable yet.
  [[nodiscard]] const Content* content() const { return content_.get(); }

  /// Whether the file was read, also where that failed.
  [[nodiscard]] bool was_read() const { return status_.loads + status_.failures > 0; }

  [[nodiscard]] const DatabaseStatus& status() const { return status_; }

 private:
  struct Loaded {
    std::unique_ptr<const Content> content{};  ///< null: see error
    std::string error{};
  };

  static Loaded load(const Read& read, const std::string& file) {
    try {
      return {read(file), ""};
    } catch (const std::exception& error) {
      return {nullptr, error.what()};
    }
  }

  void look_later() {
    timer_.at(next_round(interval_), [this] { look(); });
  }

  void look() {
    if (!watch_.changed()) {
      look_later();
      return;
    }
    try {
      const SignalsBlocked blocked;
      loading_ = std::async(std::launch::async, [read = read_, file = status_.file] {
        pthread_setname_np(pthread_self(), "file");
        return load(read, file);
      });
    } catch (const std::exception& error) {  // no thread could be made
      watch_.forget();
      take({nullptr, error.what()});
      look_later();
      return;
    }
    await();
  }

  void await() {
    constexpr std::chrono::milliseconds kPoll{20};
    if (loading_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
      timer_.after(kPoll, [this] { await(); });
      return;
    }
    take(loading_.get());
    look_later();
  }

  /// False: another thread does not let go of what was used before.
  bool put_into_use(Loaded& loaded) {
    try {
      const auto exchange = [&] { content_.swap(loaded.content); };
      alone_ ? alone_(exchange) : exchange();
      return true;
    } catch (const std::exception& error) {
      loaded.error = error.what();
      watch_.forget();
      return false;
    }
  }

  void take(Loaded loaded) {
    const bool used = loaded.content && put_into_use(loaded);
    status_.error = loaded.error;
    if (!used) {
      ++status_.failures;
      log::error(
          "database_unusable setting=enrich.{} error={} impact=\"{}\" fix=\"put a complete file "
          "there, best by renaming it: it is read when it changes\"",
          status_.setting, log::quoted(loaded.error),
          content_ ? "the one before stays in use" : "what it is to say is exported as unknown");
      return;
    }
    ++status_.loads;
    status_.type = content_->type();
    status_.built = content_->built();
    log::info("database_loaded setting=enrich.{} file={} type={} built={}", status_.setting,
              log::quoted(status_.file), log::quoted(status_.type),
              status_.built.time_since_epoch().count());
  }

  const Read read_;
  const std::chrono::milliseconds interval_;
  DatabaseStatus status_;
  FileWatch watch_;
  std::unique_ptr<const Content> content_;
  Alone alone_;  ///< empty: no other thread uses it
  Timer timer_;
  std::future<Loaded> loading_;  ///< its destructor waits for the thread
};

}  // namespace ctflow
