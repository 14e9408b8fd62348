// SPDX-License-Identifier: GPL-2.0-or-later
// The Information Elements of a NAT event (RFC 8158), where they differ from those of a flow.
#pragma once

#include "encode/fields.hpp"

namespace ctflow {

/// Which kind of translation a session has, by the families before and behind it.
enum class Translation : std::uint8_t { kNat44, kNat66, kNat64 };
inline constexpr std::size_t kTranslations = 3;

constexpr Translation translation(const Flow& flow) {
  if (flow.original.family == AddressFamily::kIpv4) return Translation::kNat44;
  return flow.reply.family == AddressFamily::kIpv4 ? Translation::kNat64 : Translation::kNat66;
}

namespace nat {

/// IANA natEvent (230). For IPv6 to IPv6 there is only the historic pair.
constexpr std::uint8_t event(const Flow& flow) {
  const bool created = flow.event == FlowEvent::kCreated;
  switch (translation(flow)) {
    case Translation::kNat44:
      return created ? 4 : 5;
    case Translation::kNat64:
      return created ? 6 : 7;
    case Translation::kNat66:
      break;
  }
  return created ? 1 : 2;
}

/// The port, or the identifier of ICMP, which is translated in its place.
constexpr std::uint16_t source(const Tuple& tuple) {
  return tuple.protocol == 1 || tuple.protocol == 58 ? tuple.icmp_id : field::source_port(tuple);
}
constexpr std::uint16_t destination(const Tuple& tuple) {
  return tuple.protocol == 1 || tuple.protocol == 58 ? tuple.icmp_id
                                                     : field::destination_port(tuple);
}

inline void put_event_time(FieldWriter& writer, const Record& record) {
  field::put_milliseconds(writer, record.flow.event_time);
}

inline constexpr Field kObservationTimeMilliseconds{323, 8, put_event_time};
/// nfdump 1.7.1 shows 1970 for a record with nothing but 323.
inline constexpr Field kStartMilliseconds{152, 8, put_event_time};
inline constexpr Field kEndMilliseconds{153, 8, put_event_time};
inline constexpr Field kEvent{230, 1, [](FieldWriter& w, const Record& r) { w.u8(event(r.flow)); }};
inline constexpr Field kSourcePort{
    7, 2, [](FieldWriter& w, const Record& r) { w.u16(source(r.flow.original)); }};
inline constexpr Field kDestinationPort{11, 2, [](FieldWriter& w, const Record& r) {
                                          w.u16(field::destination_port(r.flow.original));
                                        }};
inline constexpr Field kPostSourcePort{
    227, 2, [](FieldWriter& w, const Record& r) { w.u16(destination(r.flow.reply)); }};
inline constexpr Field kPostDestinationPort{
    228, 2, [](FieldWriter& w, const Record& r) { w.u16(field::source_port(r.flow.reply)); }};

}  // namespace nat
}  // namespace ctflow
