// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/origin/followed_database.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <exception>
#include <utility>

#include "event_loop/rounds.hpp"
#include "log/log.hpp"
#include "process/signals_blocked.hpp"

namespace ctflow {

FollowedDatabase::FollowedDatabase(boost::asio::io_context& io, std::string file,
                                   DatabaseContent content, const char* setting,
                                   std::chrono::milliseconds interval)
    : content_(content), interval_(interval), status_{setting, std::move(file)}, timer_(io) {
  mark_ = mark_of(status_.file);
  take(load(status_.file, content_));
  look_later();
}

/// Of a file that is not there: its own mark, too.
FollowedDatabase::Mark FollowedDatabase::mark_of(const std::string& file) {
  struct stat found {};
  if (stat(file.c_str(), &found) != 0) return {-errno};
  return {static_cast<std::int64_t>(found.st_ino),
          static_cast<std::int64_t>(found.st_dev),
          found.st_size,
          found.st_mtim.tv_sec,
          found.st_mtim.tv_nsec,
          found.st_ctim.tv_sec,
          found.st_ctim.tv_nsec};
}

FollowedDatabase::Loaded FollowedDatabase::load(const std::string& file, DatabaseContent content) {
  try {
    return {std::make_unique<const NetworkDatabase>(file, content), ""};
  } catch (const std::exception& error) {
    return {nullptr, error.what()};
  }
}

void FollowedDatabase::look_later() {
  timer_.at(next_round(interval_), [this] { look(); });
}

void FollowedDatabase::look() {
  const Mark found = mark_of(status_.file);
  if (found == mark_) {
    look_later();
    return;
  }
  mark_ = found;  // as it was before it is read: what changes meanwhile is seen the next time
  try {
    const SignalsBlocked blocked;
    loading_ = std::async(std::launch::async, load, status_.file, content_);
  } catch (const std::exception& error) {  // no thread could be made
    mark_ = {};
    take({nullptr, error.what()});
    look_later();
    return;
  }
  await();
}

void FollowedDatabase::await() {
  constexpr std::chrono::milliseconds kPoll{20};
  if (loading_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
    timer_.after(kPoll, [this] { await(); });
    return;
  }
  take(loading_.get());
  look_later();
}

void FollowedDatabase::take(Loaded loaded) {
  status_.error = loaded.error;
  if (!loaded.database) {
    ++status_.failures;
    log::error(
        "database_unusable setting=enrich.{} error={} impact=\"{}\" fix=\"put a complete file "
        "there, best by renaming it: it is read when it changes\"",
        status_.setting, log::quoted(loaded.error),
        database_ ? "the one before stays in use" : "what it is to say is exported as unknown");
    return;
  }
  ++status_.loads;
  status_.type = loaded.database->type();
  status_.built = loaded.database->built();
  database_ = std::move(loaded.database);
  log::info("database_loaded setting=enrich.{} file={} type={} built={}", status_.setting,
            log::quoted(status_.file), log::quoted(status_.type),
            status_.built.time_since_epoch().count());
}

}  // namespace ctflow
