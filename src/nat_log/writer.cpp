// SPDX-License-Identifier: GPL-2.0-or-later
#include "nat_log/writer.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <utility>
#include <vector>

#include "log/log.hpp"

namespace ctflow::nat {
namespace {

constexpr std::chrono::seconds kBetweenAttempts{1};

}  // namespace

struct Writer::Shared {
  Shared(std::unique_ptr<Store> its_store, std::size_t size, std::chrono::milliseconds interval)
      : store(std::move(its_store)), queue(size), commit_interval(interval) {
    batch.reserve(size);
  }

  // The thread's.
  std::unique_ptr<Store> store;
  std::vector<NatEvent> batch;

  NatEventQueue queue;
  const std::chrono::milliseconds commit_interval;
  std::atomic<std::uint64_t> written{0};
  std::atomic<std::uint64_t> open{0};
  std::atomic<std::uint64_t> holes{0};
  std::atomic<std::uint64_t> followed_map{0};
  std::atomic<bool> failing{false};
  std::atomic<FailureKind> failing_by{FailureKind::kNone};
  std::atomic<bool> hurry{false};  ///< the queue fills

  // Held for moments only, never while the disk is waited for.
  std::mutex mutex;
  std::condition_variable wake;
  std::optional<WriteFailure> failure;
  NatMapsStatus maps;
  bool stopping = false;

  bool write();
  void note_maps();
  void failed(WriteFailure why);
  void wait();
};

bool Writer::Shared::write() {
  if (batch.empty()) queue.pop_all(batch);
  hurry = false;
  try {
    store->write(batch);
  } catch (const std::system_error&) {
    WriteFailure why = write_failure();
    if (why.kind == FailureKind::kInUse) why.why += " (another ctflowd writes there)";
    failed(std::move(why));
    return false;
  } catch (const std::exception&) {
    failed(write_failure());
    return false;
  }
  written += static_cast<std::uint64_t>(
      std::count_if(batch.begin(), batch.end(), [](const NatEvent& event) {
        const bool counts =
            event.kind == NatEvent::Kind::kBegin || event.kind == NatEvent::Kind::kEnd;
        return event.completes && counts;
      }));
  batch.clear();
  open = store->open();
  holes = store->holes();
  followed_map = store->followed_map();
  note_maps();
  failing = false;
  failing_by = FailureKind::kNone;
  return true;
}

void Writer::Shared::note_maps() {
  const HeldMaps& held = store->maps();
  NatMapsStatus now;
  now.entries = held.size();
  now.current = held.current;
  now.unreadable = store->maps_unreadable();
  now.left_out = held.maps()->left_out();
  const std::lock_guard lock(mutex);
  maps = std::move(now);
}

void Writer::Shared::failed(WriteFailure why) {
  failing = true;
  failing_by = why.kind;
  const std::lock_guard lock(mutex);
  failure = std::move(why);
}

void Writer::Shared::wait() {
  std::unique_lock lock(mutex);
  if (failing) {
    wake.wait_for(lock, kBetweenAttempts, [&] { return stopping; });
  } else {
    wake.wait_for(lock, commit_interval, [&] { return stopping || hurry; });
  }
}

Writer::Writer(std::unique_ptr<Store> store, std::size_t queue,
               std::chrono::milliseconds commit_interval)
    : shared_(std::make_shared<Shared>(std::move(store), queue, commit_interval)) {}

/// A thread that does not hang ends before what it logs to does.
Writer::~Writer() { stop(std::chrono::milliseconds(500)); }

void Writer::run(const std::shared_ptr<Shared>& shared) {
  bool last = false;
  while (true) {
    const bool wrote = shared->write();
    if (last && (!wrote || shared->queue.size() == 0)) break;
    if (!last) shared->wait();
    const std::lock_guard lock(shared->mutex);
    last = shared->stopping;
  }
  shared->store.reset();  // closes the files, and frees the directory
}

void Writer::start(Moment listening_since) {
  if (std::exchange(started_, true)) return;
  shared_->store->set_listening_since(listening_since);
  thread_.start("nat-log", [shared = shared_] { run(shared); });
}

std::size_t Writer::room() const { return shared_->queue.room(); }

void Writer::add(const NatEvent& event) {
  shared_->queue.push(event);
  if (shared_->queue.size() < shared_->queue.capacity() / 4 || shared_->hurry.exchange(true))
    return;
  shared_->wake.notify_one();  // without the lock: a signal that is missed costs one interval
}

Writer::Report Writer::report() const {
  return {shared_->written,      shared_->open,    shared_->holes,
          shared_->followed_map, shared_->failing, shared_->failing_by};
}

NatMapsStatus Writer::maps() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->maps;
}

std::optional<WriteFailure> Writer::take_failure() {
  const std::lock_guard lock(shared_->mutex);
  return std::exchange(shared_->failure, std::nullopt);
}

void Writer::stop(std::chrono::milliseconds patience) {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->stopping = true;
    shared_->wake.notify_all();
  }
  thread_.ended_within(patience);
}

}  // namespace ctflow::nat
