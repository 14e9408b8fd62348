// SPDX-License-Identifier: GPL-2.0-or-later
// The records of one collector: its templates, and which of them a record has.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "encode/templates.hpp"

namespace ctflow {

/// How a connection becomes records.
enum class RecordStyle : std::uint8_t {
  kMirrored,  ///< one of the initiator, one of the responder
  kBiflow,    ///< one with the counters of both (RFC 5103)
  kNatEvent,  ///< one without counters (RFC 8158)
};

class Layout {
 public:
  Layout(Protocol protocol, const EncoderOptions& options) { build(protocol, options); }

  Layout(const Layout&) = delete;  // templates_ points into fields_
  Layout& operator=(const Layout&) = delete;
  Layout(Layout&&) = default;
  Layout& operator=(Layout&&) = default;
  ~Layout() = default;

  /// In the order in which they are sent.
  [[nodiscard]] std::span<const Template> templates() const { return templates_; }

  /// That of the responder's record is the initiator's where nothing is translated.
  [[nodiscard]] const Template& choose(const Record& record) const {
    if (by_ != By::kKind) return choose_otherwise(record);
    return templates_[place_of(record_kind(record), record.flow)];
  }

  /// No template has this place.
  static constexpr std::size_t kNoPlace = ~std::size_t{0};

  /// Where in templates() choose() finds that of a record without translation, where it goes by the
  /// kind of record.
  [[nodiscard]] std::size_t place_by_kind(const Flow& flow) const {
    return place_of(untranslated_kind(flow.original), flow);
  }
  /// The same for a template that both records of a flow report have; kNoPlace: this is none.
  [[nodiscard]] std::size_t place_of_both(const Template& layout) const {
    const bool is_one =
        style_ == RecordStyle::kMirrored && by_ == By::kKind && layout.encode_both != nullptr;
    return is_one ? static_cast<std::size_t>(&layout - templates_.data()) : kNoPlace;
  }

  [[nodiscard]] RecordStyle style() const { return style_; }

  /// Octets of the shortest record, at least 1. For NetFlow v9, whose records all have fixed
  /// lengths.
  [[nodiscard]] std::size_t shortest_record() const;

 private:
  enum class By : std::uint8_t { kKind, kFamily, kTranslation, kElements };

  /// Templates with what was measured stand behind those without.
  [[nodiscard]] std::size_t place_of(RecordKind kind, const Flow& flow) const {
    const auto place = static_cast<std::size_t>(kind);
    const bool extras = flow.extras.present && templates_.size() > kRecordKinds;
    return extras ? kRecordKinds + place : place;
  }
  [[nodiscard]] const Template& choose_otherwise(const Record& record) const;
  void build(Protocol protocol, const EncoderOptions& options);
  void add(std::uint16_t id, std::vector<Field> fields);
  void add_kinds(Protocol protocol, const EncoderOptions& options, bool with_extras);
  void add_minimal(Protocol protocol, const EncoderOptions& options);
  void add_nat_events(Protocol protocol, const EncoderOptions& options);
  void add_elements(Protocol protocol, const EncoderOptions& options);

  RecordStyle style_ = RecordStyle::kMirrored;
  By by_ = By::kKind;
  std::vector<std::vector<Field>> fields_;  ///< of the templates made here
  std::vector<Template> templates_;
  std::array<std::uint8_t, kRecordKinds> template_of_{};  ///< with kElements: index by kind
};

}  // namespace ctflow
