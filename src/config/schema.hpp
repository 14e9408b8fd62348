// SPDX-License-Identifier: GPL-2.0-or-later
// A configuration language as a value: a Section lists settings, and each Setting says its key,
// what may stand there and which member takes it. Reading, unknown and missing keys, the list of
// all settings and what a reload cannot change follow from it. The language itself is settings.cpp.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "config/formats.hpp"
#include "config/json_schema.hpp"
#include "config/source_text.hpp"
#include "config/yaml_reader.hpp"
#include "ctflow/config.hpp"

namespace ctflow::config {

enum class Requirement : std::uint8_t { kOptional, kRequired };
inline constexpr Requirement kOptional = Requirement::kOptional;
inline constexpr Requirement kRequired = Requirement::kRequired;

/// Where reading has come to; messages begin with it.
struct Place {
  const SourceText& source;
  std::string path;

  [[nodiscard]] Place member(const std::string& key) const {
    return {source, member_path(path, key)};
  }
  [[nodiscard]] Place item(std::size_t index) const { return {source, item_path(path, index)}; }
  [[noreturn]] void fail(std::size_t offset, const std::string& message) const {
    source.fail(offset, path, message);
  }
};

template <typename Target>
struct Setting {
  std::string key;
  Requirement presence;
  std::string expected;  ///< for messages
  std::function<void(const Place&, const YamlNode&, Target&)> read;
  std::vector<std::string> below;  ///< paths of the settings in it, when it is a section or list
  /// Paths of the settings in which the two differ; a list is one setting.
  std::function<std::vector<std::string>(const Target&, const Target&)> changed;
  /// Its lines as they stand in a file, each behind `indent`; empty: nothing that could stand
  /// there.
  std::function<std::string(const Target&, const std::string& indent)> show;
  std::function<std::string()> schema;  ///< JSON Schema of what may stand there
  bool sealed = false;                  ///< read at the start only

  /// A setting of a base: that of SealedConfig makes it a sealed one.
  template <typename Derived, typename = std::enable_if_t<std::is_base_of_v<Target, Derived> &&
                                                          !std::is_same_v<Target, Derived>>>
  operator Setting<Derived>() const {  // NOLINT(google-explicit-constructor)
    return {key,  presence, expected,
            read, below,    changed,
            show, schema,   std::is_same_v<Target, SealedConfig>};
  }
};

/// `changed` of a setting without settings in it.
template <typename Target, typename Member>
auto changed_as_a_whole(const std::string& key, Member Target::*member) {
  return [key, member](const Target& left, const Target& right) {
    return left.*member == right.*member ? std::vector<std::string>{}
                                         : std::vector<std::string>{key};
  };
}

/// What is wrong with values that are each right by themselves, and at which setting to say so.
struct Complaint {
  std::string key;
  std::string message;
};

template <typename Target>
struct Section {
  std::vector<Setting<Target>> settings;
  std::function<std::optional<Complaint>(const Target&)> check;  ///< may be empty
};

/// "got …" for a value of any kind.
std::string got(const YamlNode& node);

/// For a key that `known` lacks.
[[noreturn]] void fail_unknown(const Place& place, const YamlNode& value,
                               const std::vector<std::string>& known);

/// Throws unless `node` is a mapping or sequence, as `kind` says.
void require(const Place& place, const YamlNode& node, YamlNode::Kind kind,
             const std::string& expected);

/// The path of every setting, lists as `key[].key`.
template <typename Target>
std::vector<std::string> paths(const Section<Target>& section, const std::string& prefix = "") {
  std::vector<std::string> all;
  for (const Setting<Target>& setting : section.settings) {
    all.push_back(prefix + setting.key);
    for (const std::string& path : setting.below) all.push_back(prefix + path);
  }
  return all;
}

/// Paths of the settings in which the two differ.
template <typename Target>
std::vector<std::string> changed_paths(const Section<Target>& section, const Target& left,
                                       const Target& right, const std::string& prefix = "") {
  std::vector<std::string> all;
  for (const Setting<Target>& setting : section.settings) {
    for (const std::string& path : setting.changed(left, right)) all.push_back(prefix + path);
  }
  return all;
}

/// JSON Schema of the mapping.
template <typename Target>
std::string schema_of(const Section<Target>& section) {
  std::vector<PropertySchema> properties;
  properties.reserve(section.settings.size());
  for (const Setting<Target>& setting : section.settings) {
    properties.push_back(
        {setting.key, setting.presence == Requirement::kRequired, setting.schema()});
  }
  return mapping_schema(properties);
}

/// A scalar as it stands in a file, in quotes if it needs them.
std::string written(const std::string& text);

/// The same of a value; empty if no text stands for it, such as for a name that is not set.
template <typename Value>
std::string written(const ValueFormat<Value>& format, const Value& value) {
  std::string text;
  if (format.show) {
    text = format.show(value);
  } else if constexpr (std::is_same_v<Value, std::string>) {
    text = value;
  }
  return format.parse(text).value ? written(text) : "";
}

/// All settings that have a value. Empty if one that is required has none: the section is not
/// there.
template <typename Target>
std::string show_section(const Section<Target>& section, const Target& target,
                         const std::string& indent) {
  std::string all;
  for (const Setting<Target>& setting : section.settings) {
    const std::string lines = setting.show(target, indent);
    if (lines.empty() && setting.presence == Requirement::kRequired) return "";
    all += lines;
  }
  return all;
}

/// The value in the form that its format has; nothing if there is none.
template <typename Value, typename Member>
std::optional<Value> as_value(const Member& member) {
  if constexpr (std::is_arithmetic_v<Member>) {
    return static_cast<Value>(member);
  } else if constexpr (std::is_convertible_v<const Member&, Value>) {
    return std::optional<Value>(std::in_place, member);
  } else {
    return member;
  }
}

template <typename Value>
Value parse_scalar(const Place& place, const YamlNode& node, const ValueFormat<Value>& format) {
  std::string hint;
  if (node.kind == YamlNode::Kind::kScalar) {
    Parsed<Value> parsed = format.parse(node.text);
    if (parsed.value) return *std::move(parsed.value);
    hint = parsed.hint;
  } else if (node.kind == YamlNode::Kind::kSequence) {
    hint = format.collection_hint;
  }
  place.fail(node.offset, fmt::format("expected {}, {}{}{}", format.expected, got(node),
                                      hint.empty() ? "" : ": ", hint));
}

template <typename Target>
void read_section(const Place& place, const YamlNode& node, const Section<Target>& section,
                  Target& target) {
  require(place, node, YamlNode::Kind::kMapping, "a mapping of settings");
  std::map<std::string, const YamlNode*> given;
  for (const YamlNode& value : node.children) {
    const Setting<Target>* found = nullptr;
    for (const Setting<Target>& setting : section.settings) {
      if (setting.key == value.key) found = &setting;
    }
    if (found == nullptr) {
      std::vector<std::string> known;
      for (const Setting<Target>& setting : section.settings) known.push_back(setting.key);
      fail_unknown(place, value, known);
    }
    found->read(place.member(value.key), value, target);
    given.emplace(value.key, &value);
  }
  for (const Setting<Target>& setting : section.settings) {
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

/// A setting with a single value. The format's range must fit the member.
template <typename Target, typename Member, typename Value>
Setting<Target> value(const std::string& key, Requirement presence,
                      const ValueFormat<Value>& format, Member Target::*member) {
  const auto read = [format, member](const Place& place, const YamlNode& node, Target& target) {
    const Value parsed = parse_scalar(place, node, format);
    if constexpr (std::is_arithmetic_v<Member>) {
      target.*member = static_cast<Member>(parsed);
    } else {
      target.*member = parsed;
    }
  };
  const auto show = [key, format, member](const Target& target, const std::string& indent) {
    const std::optional<Value> shown = as_value<Value>(target.*member);
    const std::string text = shown ? written(format, *shown) : "";
    return text.empty() ? text : fmt::format("{}{}: {}\n", indent, key, text);
  };
  const auto schema = [format] { return described_schema(format.schema, format.expected); };
  return {key, presence, format.expected, read, {}, changed_as_a_whole(key, member), show, schema};
}

/// A setting that is a list of at least one value, none twice.
template <typename Target, typename Value>
Setting<Target> words(const std::string& key, Requirement presence, const std::string& what,
                      const ValueFormat<Value>& format, std::vector<Value> Target::*member) {
  const std::string expected = "a list of " + what + ", at least one";
  const auto read = [=](const Place& place, const YamlNode& node, Target& target) {
    require(place, node, YamlNode::Kind::kSequence, expected);
    std::vector<Value>& values = target.*member;
    values.clear();
    for (std::size_t i = 0; i < node.children.size(); ++i) {
      const YamlNode& item = node.children[i];
      const Value parsed = parse_scalar(place.item(i), item, format);
      const auto first = std::find(values.begin(), values.end(), parsed);
      if (first != values.end()) {
        place.item(i).fail(
            item.offset,
            fmt::format("given twice, first at {}",
                        item_path(place.path, static_cast<std::size_t>(first - values.begin()))));
      }
      values.push_back(parsed);
    }
  };
  const auto show = [key, format, member](const Target& target, const std::string& indent) {
    std::string text;
    for (const Value& one : target.*member) {
      text += fmt::format("{}{}", text.empty() ? "" : ", ", written(format, one));
    }
    return text.empty() ? text : fmt::format("{}{}: [{}]\n", indent, key, text);
  };
  const auto schema = [format] {
    return list_schema(described_schema(format.schema, format.expected), true);
  };
  return {key, presence, expected, read, {}, changed_as_a_whole(key, member), show, schema};
}

/// A setting that is a mapping of others.
template <typename Target, typename Member>
Setting<Target> section(const std::string& key, Requirement presence, const Section<Member>& inner,
                        Member Target::*member) {
  const auto read = [inner, member](const Place& place, const YamlNode& node, Target& target) {
    read_section(place, node, inner, target.*member);
  };
  const auto changed = [inner, member, prefix = key + "."](const Target& left,
                                                           const Target& right) {
    return changed_paths(inner, left.*member, right.*member, prefix);
  };
  const auto show = [key, inner, member](const Target& target, const std::string& indent) {
    const std::string lines = show_section(inner, target.*member, indent + "  ");
    return lines.empty() ? lines : fmt::format("{}{}:\n{}", indent, key, lines);
  };
  const auto schema = [inner] { return schema_of(inner); };
  return {key,  presence, "a mapping of settings", read, paths(inner, key + "."), changed,
          show, schema};
}

/// Refuses an item of a list whose `id` an earlier one has.
template <typename Member, typename Id>
void require_own_id(const Place& place, const YamlNode& node, const std::vector<Member>& items,
                    const std::string& id_key, Id Member::*id) {
  std::map<Id, std::size_t> seen;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto [first, is_new] = seen.emplace(items[i].*id, i);
    if (is_new) continue;
    const YamlNode& item = node.children[i];
    std::size_t offset = item.offset;
    for (const YamlNode& value : item.children) {
      if (value.key == id_key) offset = value.offset;
    }
    place.item(i).member(id_key).fail(
        offset, fmt::format("expected a {} of its own, got that of {}", id_key,
                            item_path(place.path, first->second)));
  }
}

/// A setting that is a list of at least one mapping.
template <typename Target, typename Member>
Setting<Target> list(const std::string& key, Requirement presence, const Section<Member>& inner,
                     std::vector<Member> Target::*member) {
  const std::string expected = "a list of at least one mapping of settings";
  const auto read = [=](const Place& place, const YamlNode& node, Target& target) {
    require(place, node, YamlNode::Kind::kSequence, expected);
    for (std::size_t i = 0; i < node.children.size(); ++i) {
      read_section(place.item(i), node.children[i], inner, (target.*member).emplace_back());
    }
  };
  const auto show = [key, inner, member](const Target& target, const std::string& indent) {
    std::string items;
    for (const Member& one : target.*member) {
      const std::string lines = show_section(inner, one, indent + "    ");
      if (!lines.empty()) items += indent + "  - " + lines.substr(indent.size() + 4);
    }
    return items.empty() ? items : fmt::format("{}{}:\n{}", indent, key, items);
  };
  const auto schema = [inner] { return list_schema(schema_of(inner), false); };
  return {
      key,  presence, expected, read, paths(inner, key + "[]."), changed_as_a_whole(key, member),
      show, schema};
}

/// The same, no two with the same `id`.
template <typename Target, typename Member, typename Id>
Setting<Target> list(const std::string& key, Requirement presence, const Section<Member>& inner,
                     std::vector<Member> Target::*member, const std::string& id_key,
                     Id Member::*id) {
  Setting<Target> setting = list(key, presence, inner, member);
  setting.read = [=, read = setting.read](const Place& place, const YamlNode& node,
                                          Target& target) {
    read(place, node, target);
    require_own_id(place, node, target.*member, id_key, id);
  };
  return setting;
}

}  // namespace ctflow::config
