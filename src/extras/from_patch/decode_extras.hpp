// SPDX-License-Identifier: GPL-2.0-or-later
// The nested attribute that a patched kernel adds (kernel-patches/nf_conntrack_flow.h).
#pragma once

#include "ctflow/flow.hpp"
#include "netlink/attributes.hpp"

namespace ctflow {

/// Reads the payload of CTA_FLOW. Everything in it is optional: unknown attributes are skipped, and
/// one that is too short counts as absent. Another version, or octets that are no attributes, leave
/// the extras absent: the number is a private one, and another patch may use it for something else.
void decode_extras(Bytes payload, KernelExtras& extras);

}  // namespace ctflow
