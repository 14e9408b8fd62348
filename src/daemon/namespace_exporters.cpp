// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/namespace_exporters.hpp"

#include <algorithm>
#include <utility>

#include "ctflow/clock.hpp"
#include "event_loop/rounds.hpp"
#include "netlink/configured_namespaces.hpp"

namespace ctflow {
namespace {

constexpr std::chrono::seconds kLookAgain{1};
/// A name is there a moment before the namespace that it is to stand for.
constexpr std::chrono::milliseconds kUnsettled{500};
constexpr std::chrono::milliseconds kLookSoon{20};
constexpr std::chrono::milliseconds kStartPoll{10};

}  // namespace

NamespaceExporters::Entry::Entry(boost::asio::io_context& io, const NamespaceConfig& which,
                                 Threads threads)
    : config(which),
      file(file_of(which)),
      thread(threads == Threads::kNamespaces ? std::make_unique<LoopThread>(which.name) : nullptr),
      loop(thread ? thread->loop() : io),
      retired(loop),
      start_timer(io) {}

NamespaceExporters::NamespaceExporters(boost::asio::io_context& io, const SealedConfig& config,
                                       Make make)
    : io_(io), make_(std::move(make)), look_timer_(io), roll_call_(io) {
  for (const NamespaceConfig& one : config.namespaces) {
    entries_.push_back(std::make_unique<Entry>(io, one, config.threads));
  }
}

NamespaceExporters::~NamespaceExporters() = default;

void NamespaceExporters::open() {
  if (entries_.empty()) own_ = make_(io_, nullptr);
  for (const auto& entry : entries_) {
    const NamespaceAt there = look_up_namespace(entry->file);
    if (!there.identity) {
      miss(*entry, there.why);
    } else if (const Entry* const other = same_as(*entry, *there.identity)) {
      miss(*entry, "it is the same network namespace as " + other->config.name);
    } else {
      open(*entry);
    }
  }
}

std::vector<NamespaceExporters::PausableExporter> NamespaceExporters::all() const {
  std::vector<PausableExporter> all;
  if (own_) all.emplace_back(*own_, nullptr);
  for (const auto& entry : entries_) {
    if (entry->exporter && !entry->stuck) all.emplace_back(*entry->exporter, entry->thread.get());
  }
  return all;
}

void NamespaceExporters::start_threads() {
  for (const auto& entry : entries_) {
    if (entry->thread) entry->thread->start(io_);
  }
}

bool NamespaceExporters::stop_threads() {
  for (const auto& entry : entries_) {
    if (entry->thread) entry->loop.stop();  // all at the same time
  }
  bool all = true;
  for (const auto& entry : entries_) {
    if (!entry->thread || entry->thread->stop()) continue;
    log::error(
        "namespace_stuck namespace={} impact=\"what its thread still has is not exported\" "
        "fix=\"see what this namespace logged last: a call of its thread does not return\"",
        entry->config.name);
    entry->stuck = true;
    all = false;
  }
  return all;
}

std::vector<LoopThread::Pause> NamespaceExporters::pause() const {
  std::vector<LoopThread::Pause> all;
  all.reserve(entries_.size());
  for (const auto& entry : entries_) {
    if (!entry->stuck) all.push_back(entry->pause());
  }
  return all;
}

void NamespaceExporters::when_all_answer(const std::function<void()>& work) {
  std::vector<boost::asio::io_context*> loops;
  loops.reserve(entries_.size());
  for (const auto& entry : entries_) {
    if (entry->thread) loops.push_back(&entry->loop);
  }
  roll_call_.call(loops, work);
}

std::size_t NamespaceExporters::poll_threads() {
  std::size_t handlers = 0;
  for (const auto& entry : entries_) {
    if (!entry->thread || entry->stuck) continue;
    entry->loop.restart();
    handlers += entry->loop.poll_one();
  }
  return handlers;
}

bool NamespaceExporters::has_threads() const {
  return !entries_.empty() && entries_.front()->thread != nullptr;
}

bool NamespaceExporters::busy() const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [](const auto& entry) { return !entry->stuck && entry->retired.busy(); });
}

void NamespaceExporters::finish() {
  for (const auto& entry : entries_) {
    if (!entry->stuck) entry->retired.finish();
  }
}

std::vector<MissingNamespace> NamespaceExporters::missing() const {
  std::vector<MissingNamespace> missing;
  for (const auto& entry : entries_) {
    if (!entry->exporter) missing.push_back({entry->config.name, entry->why});
  }
  return missing;
}

void NamespaceExporters::watch() {
  if (entries_.empty()) return;
  std::vector<std::string> files;
  for (const auto& entry : entries_) files.push_back(entry->file);
  names_.emplace(io_, files);
  names_->changed = [this] {
    unsettled_until_ = system_now().steady + kUnsettled;
    look();
  };
  look();
}

void NamespaceExporters::look_now() {
  if (names_) look();
}

void NamespaceExporters::stop_watching() {
  look_timer_.cancel();
  names_.reset();
  for (const auto& entry : entries_) entry->start_timer.cancel();
}

void NamespaceExporters::look() {
  const bool unsettled = system_now().steady < unsettled_until_;
  look_timer_.at(unsettled ? system_now().steady + kLookSoon : next_round(kLookAgain),
                 [this] { look(); });
  if (held_) return;
  names_->renew();
  for (const auto& entry : entries_) {
    try {
      look_at(*entry);
    } catch (const LoopThread::Busy& error) {
      log::warn(
          "namespace_busy error={} impact=\"it is looked at later\" "
          "fix=\"none if it is rare; else fewer connections for this namespace, or more "
          "processors\"",
          log::quoted(error.what()));
    }
  }
}

void NamespaceExporters::look_at(Entry& entry) {
  const NamespaceAt there = look_up_namespace(entry.file);
  if (entry.exporter && there.known && there.identity != entry.exporter->identity()) {
    close(entry, there.identity ? "another network namespace has its name" : there.why.c_str());
  }
  if (entry.exporter) return;
  if (!there.identity) {
    entry.why = there.why;
    return;
  }
  if (const Entry* const other = same_as(entry, *there.identity)) {
    miss(entry, "it is the same network namespace as " + other->config.name);
    return;
  }
  try {
    open(entry);
  } catch (const std::exception& error) {
    miss(entry, error.what());
    return;
  }
  log::info("namespace_opened namespace={} file={}", entry.config.name, log::quoted(entry.file));
  constexpr std::chrono::milliseconds kLongestWait{300};  // the receive buffer bridges that
  start_when_ready(entry, system_now().steady + kLongestWait);
}

void NamespaceExporters::miss(Entry& entry, const std::string& why) {
  entry.why = why;
  const bool repeated = !entry.missing_log.allow();
  if (repeated && why == entry.logged) return;
  entry.logged = why;
  log::warn(
      "namespace_missing namespace={} file={} error={} suppressed={} impact=\"its connections are "
      "not exported\" fix=\"it is opened as soon as that is possible\"",
      entry.config.name, log::quoted(entry.file), log::quoted(why), entry.missing_log.suppressed());
}

const NamespaceExporters::Entry* NamespaceExporters::same_as(
    const Entry& entry, const NamespaceIdentity& identity) const {
  for (const auto& other : entries_) {
    if (other.get() == &entry || !other->exporter) continue;
    if (other->exporter->identity() == identity && share_zones(other->config, entry.config)) {
      return other.get();
    }
  }
  return nullptr;
}

void NamespaceExporters::open(Entry& entry) const {
  const auto paused = entry.pause();
  entry.exporter = make_(entry.loop, &entry.config);
  entry.why.clear();
}

void NamespaceExporters::start_when_ready(Entry& entry, MonoTime latest) {
  const auto again = [&] {
    entry.start_timer.after(kStartPoll,
                            [this, &entry, latest] { start_when_ready(entry, latest); });
  };
  LoopThread::Pause paused;
  try {
    paused = entry.pause();
    if (entry.exporter->waiting() && system_now().steady < latest) {
      again();
    } else if (!entry.exporter->started()) {
      entry.exporter->start();
    }
  } catch (const LoopThread::Busy&) {
    again();
  } catch (const std::exception& error) {
    miss(entry, error.what());
    close(entry, "it could not be started");
  }
}

void NamespaceExporters::close(Entry& entry, const char* why) {
  const auto paused = entry.pause();
  entry.start_timer.cancel();
  log::warn(
      "namespace_closed namespace={} file={} error={} impact=\"its connections are not exported "
      "any "
      "more\" fix=\"it is opened again when a namespace has this name\"",
      entry.config.name, log::quoted(entry.file), log::quoted(why));
  try {
    entry.exporter->leave(entry.retired);
  } catch (const std::exception& error) {
    log::error("failed error={}", log::quoted(error.what()));
  }
  entry.exporter.reset();
  entry.why = why;
}

}  // namespace ctflow
