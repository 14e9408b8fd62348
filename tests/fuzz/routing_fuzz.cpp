// SPDX-License-Identifier: GPL-2.0-or-later
// Any octets as rtnetlink messages, one behind the other: what they build must stay sound, and
// answer whatever is asked.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "enrich/routing/routing_state.hpp"

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ctflow::Bytes octets = std::as_bytes(std::span(data, size));
  ctflow::RoutingState state;
  ctflow::Messages messages(octets);
  ctflow::Bytes message;
  ctflow::RouteQuery query;
  while (messages.next(message)) {
    state.apply(message);
    // Somewhere near the addresses of the message.
    for (std::size_t at = 28; at + 16 <= message.size(); at += 4) {
      query.destination = {ctflow::wire::load<std::uint64_t>(message.subspan(at)),
                           ctflow::wire::load<std::uint64_t>(message.subspan(at + 8))};
      query.source = query.destination;
      for (const auto family : {ctflow::AddressFamily::kIpv4, ctflow::AddressFamily::kIpv6}) {
        query.family = family;
        const ctflow::RouteAnswer answer = state.route(query);
        if (answer.length > 128 ||
            (answer.interface != 0 && state.link(answer.interface) == nullptr)) {
          std::abort();
        }
      }
    }
  }
  return 0;
}
