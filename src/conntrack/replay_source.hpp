// SPDX-License-Identifier: GPL-2.0-or-later
// A recorded event stream as a source of flows.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>

#include "conntrack/events/event_file.hpp"
#include "conntrack/events/event_reader.hpp"
#include "event_loop/timer.hpp"
#include "extras/find_extras.hpp"

namespace ctflow {

/// Plays a file as if the kernel sent it now; the flows keep the times of the recording. Timeouts
/// are those of the recording, or the kernel's defaults where it has none: a file gives the same
/// records everywhere.
class ReplaySource : public FlowSource {
 public:
  /// `rate`: events per second, 0 = as fast as possible. Throws EventFileError, and so does the
  /// event loop where it comes to a damaged place of the file.
  ReplaySource(boost::asio::io_context& io, const std::string& file_name, std::uint32_t rate,
               const SourceConfig& config = {});

  void set_nat_events(bool on) override { nat_events_ = on; }
  void set_every_end(bool on) override { every_end_ = on; }
  [[nodiscard]] Capabilities capabilities() override { return extras_->capabilities(); }
  void start(FlowSink& sink) override;
  void stop() override { timer_.cancel(); }
  [[nodiscard]] const SourceCounters& counters() const override { return counters_; }

 private:
  void play();

  std::string file_name_;
  EventFileReader file_;
  bool read_any_ = false;
  Timer timer_;
  std::uint32_t rate_;
  SourceConfig config_;
  bool nat_events_ = false;
  bool every_end_ = false;
  SourceCounters counters_;
  std::unique_ptr<ExtrasSource> extras_;
  FlowSink* sink_ = nullptr;
  std::optional<FlowAssembler> assembler_;
  std::optional<EventReader> reader_;
  Instant began_{};  ///< the first event, by the clock of the recording and by ours
};

}  // namespace ctflow
