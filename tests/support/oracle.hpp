// SPDX-License-Identifier: GPL-2.0-or-later
// A second opinion on a DESTROY message: libnetfilter_conntrack.
#pragma once

#include <string>
#include <vector>

#include "ctflow/flow.hpp"
#include "netlink/attributes.hpp"

namespace ctflow::test {

enum class OracleVerdict {
  kEqual,         ///< both accept, and every field that both know is equal
  kDifferent,     ///< both accept, but they disagree; or one refuses for no known reason
  kOnlyOurs,      ///< we accept what the oracle refuses, for a reason of oracle_classes.hpp
  kOnlyTheirs,    ///< we refuse what it accepts, for a reason of oracle_classes.hpp
  kNeither,       ///< both refuse
  kIncomparable,  ///< an attribute twice, or ports and an ICMP identity in one tuple: each keeps
                  ///< another one, and the kernel never sends it
};

struct OracleAnswer {
  OracleVerdict verdict;
  std::vector<std::string> differences;  ///< of kOnlyOurs and kOnlyTheirs: the reason
};

/// Decodes `message` both ways. The message must have a netlink header of the DESTROY type and of
/// the message's length: the oracle trusts these.
OracleAnswer ask_oracle(Bytes message);

/// True when the message may be given to ask_oracle().
bool is_destroy_message(Bytes message);

}  // namespace ctflow::test
