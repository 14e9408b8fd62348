// SPDX-License-Identifier: GPL-2.0-or-later
// Which of its optional parts this ctflowd was built with.
#pragma once

namespace ctflow {

/// Named as the options of the build are: CTFLOWD_BPF, …
struct BuiltParts {
  bool bpf;
  bool kafka;
  bool maxmind;
  bool nftables;
  bool postgresql;
  bool record;
  bool sqlite;
  bool status;
  bool tls;
};

const BuiltParts& built_parts();

}  // namespace ctflow
