// SPDX-License-Identifier: GPL-2.0-or-later
// What the octets of a Flow Record depend on, beside the flow report itself.
#pragma once

#include <utility>

#include "ctflow/protocol.hpp"
#include "encode/encoder_options.hpp"

namespace ctflow {

/// Encoders whose formats are equal write equal records of equal flow reports. Without what only
/// message headers and options records have: the Observation Domain and the Exporting Process.
struct RecordFormat {
  RecordFormat(Protocol used, EncoderOptions chosen) : protocol(used), options(std::move(chosen)) {
    const EncoderOptions none;
    options.observation_domain = none.observation_domain;
    options.exporting_process = none.exporting_process;
  }

  Protocol protocol;
  EncoderOptions options;

  friend bool operator==(const RecordFormat&, const RecordFormat&) = default;
};

}  // namespace ctflow
