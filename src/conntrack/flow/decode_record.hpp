// SPDX-License-Identifier: GPL-2.0-or-later
// A record of the eBPF programs -> Flow. Pure: no clock, no I/O, no allocation, no exception.
#pragma once

#include "conntrack/flow/decode.hpp"
#include "ctflow/clock.hpp"
#include "measurement.h"

namespace ctflow {

/// What decode() makes of a message, from a record of bpf/measurement.h that was read at `now`:
/// kFlow, kReport, kCreated or kMalformed. Flow::id stays 0: CTA_ID is computed with a secret of
/// the kernel's. `start` is the kernel's stamp, all other times are in terms of the wall clock as
/// it is at `now` (KernelExtras::by_present_clock).
DecodeResult decode_record(const ctflow_record& record, const Instant& now, Flow& flow);

}  // namespace ctflow
