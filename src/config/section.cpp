// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/section.hpp"

#include <fmt/ranges.h>

#include <map>

#include "config/json_schema.hpp"
#include "config/shown.hpp"
#include "config/suggestion.hpp"
#include "text/people_text.hpp"

namespace ctflow::config {
namespace {

void* member_of(const UntypedSetting& setting, void* target) {
  return static_cast<std::byte*>(target) + setting.offset;
}
const void* member_of(const UntypedSetting& setting, const void* target) {
  return static_cast<const std::byte*>(target) + setting.offset;
}

/// For a key that the section lacks.
[[noreturn]] void fail_unknown(const Place& place, const YamlNode& value,
                               const UntypedSection& section) {
  std::vector<std::string> known;
  known.reserve(section.settings.size());
  for (const UntypedSetting& setting : section.settings) known.push_back(setting.key);
  const Place unknown = place.member(value.key);
  std::optional<std::string> nearest = usual_word(value.key, known);
  if (!nearest) nearest = nearest_word(value.key, known);
  if (nearest) {
    unknown.fail(value.key_offset, fmt::format("unknown setting, did you mean \"{}\"?", *nearest));
  }
  constexpr std::size_t kFew = 5;
  const std::vector<std::string> few = nearest_words(value.key, known, kFew);
  const bool all = few.size() == known.size();
  unknown.fail(value.key_offset,
               fmt::format("unknown setting, expected one of {}{}", fmt::join(few, ", "),
                           all ? ""
                               : fmt::format(" or {} (ctflowd.yaml(5))",
                                             text::count_text(known.size() - few.size(), "other",
                                                              "others"))));
}

/// The keys that are given, with their values.
using Given = std::map<std::string, const YamlNode*>;

void check_whole(const Place& place, const YamlNode& node, const UntypedSection& section,
                 const Given& given, const void* target) {
  for (const UntypedSetting& setting : section.settings) {
    if (setting.presence == Requirement::kRequired && given.count(setting.key) == 0) {
      place.member(setting.key).fail(node.offset, "missing: expected " + setting.expected);
    }
  }
  if (!section.check) return;
  if (const std::optional<Complaint> complaint = section.check(target)) {
    const auto value = given.find(complaint->key);
    place.member(complaint->key)
        .fail(value == given.end() ? node.offset : value->second->offset, complaint->message);
  }
}

}  // namespace

UntypedSetting::UntypedSetting(std::string key_of_it, Requirement must_be_given,
                               std::string what_may_stand_there,
                               std::shared_ptr<const SettingKind> kind_of_it,
                               std::size_t offset_of_member)
    : key(std::move(key_of_it)),
      presence(must_be_given),
      expected(std::move(what_may_stand_there)),
      kind(std::move(kind_of_it)),
      offset(offset_of_member) {}

std::vector<std::string> UntypedSetting::changed(const void* left, const void* right) const {
  return kind->changed(key, member_of(*this, left), member_of(*this, right));
}

std::string got(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "got nothing";
    case YamlNode::Kind::kScalar:
      return "got " + shown(node.text);
    case YamlNode::Kind::kSequence:
      return node.children.empty() ? "got an empty list" : "got a list";
    case YamlNode::Kind::kMapping:
      return "got a mapping";
  }
  return "got something else";
}

void require(const Place& place, const YamlNode& node, YamlNode::Kind kind,
             const std::string& expected) {
  const bool empty_list = node.kind == YamlNode::Kind::kSequence && node.children.empty();
  if (node.kind == kind && !empty_list) return;
  std::string hint;
  if (kind == YamlNode::Kind::kSequence && node.kind == YamlNode::Kind::kMapping &&
      !node.children.empty()) {
    hint = fmt::format(": put \"- \" before {}", shown_key(node.children.front().key));
  }
  place.fail(node.offset, fmt::format("expected {}, {}{}", expected, got(node), hint));
}

std::vector<std::string> paths(const UntypedSection& section) {
  std::vector<std::string> all;
  for (const UntypedSetting& setting : section.settings) {
    all.push_back(setting.key);
    for (const std::string& path : setting.kind->below()) all.push_back(setting.key + path);
  }
  return all;
}

std::vector<std::string> changed_paths(const UntypedSection& section, const void* left,
                                       const void* right) {
  std::vector<std::string> all;
  for (const UntypedSetting& setting : section.settings) {
    const std::vector<std::string> changed = setting.changed(left, right);
    all.insert(all.end(), changed.begin(), changed.end());
  }
  return all;
}

std::string schema_of(const UntypedSection& section) {
  std::vector<PropertySchema> properties;
  properties.reserve(section.settings.size());
  for (const UntypedSetting& setting : section.settings) {
    properties.push_back(
        {setting.key, setting.presence == Requirement::kRequired, setting.kind->schema()});
  }
  return mapping_schema(properties);
}

void read_untyped(const Place& place, const YamlNode& node, const UntypedSection& section,
                  void* target) {
  require(place, node, YamlNode::Kind::kMapping, "a mapping of settings");
  Given given;
  for (const YamlNode& value : node.children) {
    const UntypedSetting* found = nullptr;
    for (const UntypedSetting& setting : section.settings) {
      if (setting.key == value.key) found = &setting;
    }
    if (found == nullptr) fail_unknown(place, value, section);
    found->kind->read(place.member(value.key), value, member_of(*found, target));
    given.emplace(value.key, &value);
  }
  check_whole(place, node, section, given, target);
}

std::string show_untyped(const UntypedSection& section, const void* target,
                         const std::string& indent) {
  std::string all;
  for (const UntypedSetting& setting : section.settings) {
    const std::string lines = setting.kind->show(setting.key, member_of(setting, target), indent);
    if (lines.empty() && setting.presence == Requirement::kRequired) return "";
    all += lines;
  }
  return all;
}

}  // namespace ctflow::config
