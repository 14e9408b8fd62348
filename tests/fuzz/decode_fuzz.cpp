// SPDX-License-Identifier: GPL-2.0-or-later
// Any octets: both decoders must survive them, and agree where both accept them.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>

#include "conntrack/flow/decode.hpp"
#include "support/oracle.hpp"

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ctflow::Bytes message = std::as_bytes(std::span(data, size));
  ctflow::Flow flow;
  ctflow::decode(message, flow);
  if (!ctflow::test::is_destroy_message(message)) return 0;
  const ctflow::test::OracleAnswer answer = ctflow::test::ask_oracle(message);
  if (answer.verdict == ctflow::test::OracleVerdict::kDifferent) {
    for (const std::string& difference : answer.differences) {
      std::fprintf(stderr, "%s\n", difference.c_str());
    }
    std::abort();
  }
  return 0;
}
