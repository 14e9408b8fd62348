// SPDX-License-Identifier: GPL-2.0-or-later
// Where the tables will be asked for an end that is not read yet. In a storm of ends they are
// larger than the processor's caches, and asking them without notice takes longer than all else.
#pragma once

#include <cstddef>
#include <cstdint>

#include "conntrack/flow/tuple_hash.hpp"
#include "conntrack/flow/usual_end.hpp"

namespace ctflow::expected_end {

template <std::size_t kAddress, bool kEarly>
std::uint64_t key_of(Bytes attributes) {
  using At = usual_layout::EndPlaces<kAddress, kEarly>;
  constexpr std::size_t kStart =
      At::kEnd + usual_layout::kHeader + usual_layout::PairPlaces::kFirst;
  if (attributes.size() < kStart + sizeof(std::uint64_t)) return 0;
  Tuple tuple;
  usual_layout::load_tuple<kAddress>(attributes.subspan(At::kOriginal), tuple);
  return table_place(table_hash_of(tuple), wire::load<std::uint64_t>(attributes, kStart));
}

template <std::size_t kAddress>
std::uint64_t key_of(Bytes attributes) {
  using At = usual_layout::EndPlaces<kAddress, true>;
  if (attributes.size() < At::kEnd) return 0;
  const std::uint32_t behind_status =
      load_host<std::uint32_t>(attributes, At::kTimeout - usual_layout::kHeader);
  const bool early = behind_status == usual_layout::header(CTA_TIMEOUT, sizeof(Flow::timeout));
  return early ? key_of<kAddress, true>(attributes) : key_of<kAddress, false>(attributes);
}

/// ConnectionIdentity::key of the usual end of a connection with a start time and without zone, if
/// the message is one. Else any number.
inline std::uint64_t key(Bytes message) {
  using namespace usual_layout;
  if (message.size() < usual_end::kHeaders + kHeader) return 0;
  const Bytes attributes = message.subspan(usual_end::kHeaders);
  const bool ipv4 = load_host<std::uint32_t>(attributes, 0) == nest_header(CTA_TUPLE_ORIG, kTuple4);
  return ipv4 ? key_of<4>(attributes) : key_of<16>(attributes);
}

}  // namespace ctflow::expected_end
