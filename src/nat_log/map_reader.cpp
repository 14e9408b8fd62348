// SPDX-License-Identifier: GPL-2.0-or-later
#include "nat_log/map_reader.hpp"

#include <algorithm>
#include <exception>
#include <mutex>
#include <optional>
#include <system_error>
#include <utility>

#include "nat_log/ruleset.hpp"

namespace ctflow::nat {

/// Of the thread that looks and the one that reads.
struct MapReader::Shared {
  std::mutex mutex;
  std::optional<MapReading> result;  ///< the last that was read
  std::uint32_t generation = 0;      ///< of it
  std::string why;                   ///< the last reading failed
  MonoTime again{};                  ///< not to be read before

  void read(const Ruleset& ruleset, const Clock& clock);
};

namespace {

constexpr int kReadings = 3;  // where the ruleset changes while it is read

std::string why_unreadable(const std::exception& error) { return error.what(); }

}  // namespace

void MapReader::Shared::read(const Ruleset& ruleset, const Clock& clock) {
  const Instant began = clock();
  std::optional<MapReading> found;
  std::uint32_t number = 0;
  std::string failure;
  try {
    for (int i = 0; i < kReadings && !found; ++i) {
      number = ruleset.generation();
      const Moment since = moment_of(clock().wall);
      auto maps = std::make_shared<const StaticMaps>(ruleset.maps());
      if (ruleset.generation() == number) found = MapReading{std::move(maps), since};
    }
  } catch (const std::exception& error) {
    failure = why_unreadable(error);
  }
  const MonoTime now = clock().steady;
  const std::lock_guard lock(mutex);
  why = failure;
  again = now + (now - began.steady) * kPause;
  if (!failure.empty()) again = std::max(again, now + std::chrono::seconds(kPause));
  if (found) {
    result = std::move(found);
    generation = number;
  }
}

MapReader::MapReader(Ruleset ruleset, Clock clock)
    : ruleset_(std::move(ruleset)), clock_(std::move(clock)), shared_(std::make_shared<Shared>()) {}

MapReader::~MapReader() = default;

MapsNow MapReader::look() {
  std::uint32_t number = 0;
  try {
    number = ruleset_.generation();
  } catch (const std::exception& error) {
    return {MapsNow::State::kUnreadable, {}, why_unreadable(error)};
  }
  std::unique_lock lock(shared_->mutex);
  const auto current = [&] { return shared_->result && shared_->generation == number; };
  if (!current() && !thread_.running() && clock_().steady >= shared_->again) {
    try {
      thread_.start("nat-maps", [shared = shared_, ruleset = ruleset_, clock = clock_] {
        shared->read(ruleset, clock);
      });
    } catch (const std::system_error& error) {
      shared_->why = std::string("a thread to read the ruleset: ") + why_unreadable(error);
      shared_->again = clock_().steady + std::chrono::seconds(kPause);
    }
  }
  if (!std::exchange(looked_, true)) {
    lock.unlock();
    thread_.wait();
    lock.lock();
    if (shared_->result) number = shared_->generation;  // as sure as if it had been looked at now
  }
  if (current()) return {MapsNow::State::kCurrent, *shared_->result, {}};
  if (!shared_->why.empty()) return {MapsNow::State::kUnreadable, {}, shared_->why};
  return {MapsNow::State::kReading, {}, {}};
}

MapReader::Ruleset ruleset_of(const NetworkNamespace& home) {
  MapReader::Ruleset ruleset;
  ruleset.generation = [home] {
    const auto visit = home.visit();
    std::uint32_t generation = 0;
    if (const std::error_code error = read_generation(generation)) {
      throw std::system_error(error, "the number of the ruleset (nf_tables)");
    }
    return generation;
  };
  ruleset.maps = [home] {
    const auto visit = home.visit();
    return read_ruleset_maps();
  };
  return ruleset;
}

}  // namespace ctflow::nat
