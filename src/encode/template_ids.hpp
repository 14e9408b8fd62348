// SPDX-License-Identifier: GPL-2.0-or-later
// Template IDs: all that are sent, and all that were ever sent.
//
// An id stands for one layout and never for another: collectors keep templates for hours (over UDP
// nothing withdraws them, RFC 7011 section 8.4). A new layout takes ids that are free, and what is
// no longer sent moves to kRetired. The assertion at the end fails to compile where two layouts
// share an id.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace ctflow::template_ids {

// Options.
inline constexpr std::uint16_t kSampling = 290;
inline constexpr std::uint16_t kInterfaceNames = 291;
inline constexpr std::uint16_t kMetering = 292;
inline constexpr std::uint16_t kMeteringReliability = 293;
inline constexpr std::uint16_t kExportingReliability = 294;
inline constexpr std::uint16_t kLastOptions = kExportingReliability;

/// What adds fields to a layout, and with it moves the ids.
struct Choices {
  bool zones = false;
  bool next_hop = false;
  bool extras = false;             ///< for connections with KernelExtras
  bool packet_properties = false;  ///< with extras
};
inline constexpr std::uint16_t kExtrasStep = 16;
inline constexpr std::uint16_t kZonesStep = 64;
inline constexpr std::uint16_t kPacketPropertiesStep = 128;
inline constexpr std::uint16_t kNextHopStep = 2048;

/// Layouts that are chosen together: one for each kind of record, and these again for each
/// combination of the choices that change them.
struct Block {
  std::uint16_t first;
  std::uint16_t count;
  Choices changed_by;
};
inline constexpr Block kMinimal{768, 2, {true, true, false, false}};
inline constexpr Block kNatEvents{1024, 3, {true, false, false, false}};
inline constexpr Block kDefault{1280, 10, {true, true, true, true}};
inline constexpr Block kBiflow{1536, 10, {true, true, true, true}};

/// The layouts of kDefault and kBiflow when they had flowDirection.
inline constexpr std::array kRetired{Block{256, 10, {true, true, true, true}},
                                     Block{512, 10, {true, true, true, true}}};

/// With `elements:` an id from here to the end, by a hash of the layout.
inline constexpr std::uint16_t kElements = 32768;
inline constexpr std::uint16_t kElementsCount = 32768;

/// The first id of a block; those of the kinds of record follow.
constexpr std::uint16_t first_id(const Block& block, const Choices& choices) {
  unsigned id = block.first;
  if (block.changed_by.zones && choices.zones) id += kZonesStep;
  if (block.changed_by.next_hop && choices.next_hop) id += kNextHopStep;
  if (block.changed_by.extras && choices.extras) {
    id += kExtrasStep;
    if (block.changed_by.packet_properties && choices.packet_properties) {
      id += kPacketPropertiesStep;
    }
  }
  return static_cast<std::uint16_t>(id);
}

namespace proof {

/// Marks ids; false where one is already marked.
class Marks {
 public:
  constexpr bool mark(unsigned first, unsigned count) {
    for (unsigned id = first; id < first + count; ++id) {
      if (id < 256 || id >= kElements || marked_[id]) return false;  // RFC 7011 section 3.4.1
      marked_[id] = true;
    }
    return true;
  }

  /// All layouts of a block, each combination of choices once.
  constexpr bool mark(const Block& block) {
    for (unsigned bits = 0; bits < 16; ++bits) {
      const Choices choices{(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0};
      const Choices& by = block.changed_by;
      const bool changes = (by.zones || !choices.zones) && (by.next_hop || !choices.next_hop) &&
                           (by.extras || !choices.extras) &&
                           (by.packet_properties || !choices.packet_properties) &&
                           (choices.extras || !choices.packet_properties);
      if (changes && !mark(first_id(block, choices), block.count)) return false;
    }
    return true;
  }

 private:
  std::array<bool, kElements> marked_{};
};

constexpr bool no_two_layouts_share_an_id() {
  Marks marks;
  for (const Block& block : kRetired) {
    if (!marks.mark(block)) return false;
  }
  return marks.mark(kSampling, kLastOptions - kSampling + 1) && marks.mark(kMinimal) &&
         marks.mark(kNatEvents) && marks.mark(kDefault) && marks.mark(kBiflow);
}
static_assert(no_two_layouts_share_an_id());

}  // namespace proof
}  // namespace ctflow::template_ids
