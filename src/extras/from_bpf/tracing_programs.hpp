// SPDX-License-Identifier: GPL-2.0-or-later
// Programs on the functions of conntrack (fentry, fexit), from Linux 5.15 on.
#pragma once

#include <cstdint>
#include <memory>

#include "extras/from_bpf/measuring.hpp"

namespace ctflow {

/// Needs CAP_BPF and CAP_PERFMON to load, and keeps nf_conntrack (and nf_flow_table, which it
/// attaches to when that is loaded) from being unloaded while it exists.
class TracingPrograms final : public MeasuringPrograms {
 public:
  explicit TracingPrograms(const MeasuringSizes& sizes = {});
  ~TracingPrograms() override;

  TracingPrograms(const TracingPrograms&) = delete;
  TracingPrograms& operator=(const TracingPrograms&) = delete;
  TracingPrograms(TracingPrograms&&) = delete;
  TracingPrograms& operator=(TracingPrograms&&) = delete;

  std::string load() override;
  std::string watch(std::uint64_t netns, const Watch& what) override;
  void unwatch(std::uint64_t netns) override;
  [[nodiscard]] int descriptor() const override;
  std::size_t consume(const Take& take, std::size_t limit) override;
  [[nodiscard]] std::future<bool> sweep() override;
  bool report_all(std::uint64_t netns, std::uint64_t before) override;
  [[nodiscard]] RecordLosses losses(std::uint64_t netns) const override;

  [[nodiscard]] bool sees_flowtables() const override;
  [[nodiscard]] MissedRuns missed_runs() const override;

  /// Calls `take` with each connection that is measured now.
  using TakeMeasured =
      std::function<void(std::uint64_t connection, std::uint64_t netns, const ctflow_measured&)>;
  void dump(const TakeMeasured& take) const;

 private:
  struct Loaded;
  MeasuringSizes sizes_;
  std::unique_ptr<Loaded> loaded_;
};

}  // namespace ctflow
