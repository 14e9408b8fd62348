// SPDX-License-Identifier: GPL-2.0-or-later
// A configuration language as a value: a Section lists settings, and each Setting says its key,
// what may stand there and which member takes it. Reading, unknown and missing keys, the list of
// all settings and what a reload cannot change follow from it. Types are checked where a section is
// written down; what works on all of them sees members as addresses, so that it is compiled once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

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

/// What may stand at a setting and what becomes of it. `member` is the address of what keeps the
/// value, of the type for which the kind was made.
class SettingKind {
 public:
  SettingKind() = default;
  SettingKind(const SettingKind&) = delete;
  SettingKind& operator=(const SettingKind&) = delete;
  SettingKind(SettingKind&&) = delete;
  SettingKind& operator=(SettingKind&&) = delete;
  virtual ~SettingKind() = default;

  virtual void read(const Place& place, const YamlNode& node, void* member) const = 0;
  /// Paths of the settings in which the two differ, the first of them `key`; a list is one setting.
  [[nodiscard]] virtual std::vector<std::string> changed(const std::string& key, const void* left,
                                                         const void* right) const = 0;
  /// Its lines as they stand in a file, each behind `indent`; empty: nothing that could stand
  /// there.
  [[nodiscard]] virtual std::string show(const std::string& key, const void* member,
                                         const std::string& indent) const = 0;
  /// JSON Schema of what may stand there.
  [[nodiscard]] virtual std::string schema() const = 0;
  /// Paths of the settings in it, behind that of its own.
  [[nodiscard]] virtual std::vector<std::string> below() const { return {}; }
};

/// With std::make_shared each kind would have a control block of its own, which for all of them are
/// five hundred functions and types to compile.
template <typename Kind, typename... Arguments>
std::shared_ptr<const SettingKind> make_kind(Arguments&&... arguments) {
  return std::unique_ptr<const SettingKind>(
      std::make_unique<const Kind>(std::forward<Arguments>(arguments)...));
}

/// A kind whose value is one setting: all of it has changed, or nothing.
class WholeKind : public SettingKind {
 public:
  [[nodiscard]] std::vector<std::string> changed(const std::string& key, const void* left,
                                                 const void* right) const final {
    return same(left, right) ? std::vector<std::string>{} : std::vector<std::string>{key};
  }

 private:
  [[nodiscard]] virtual bool same(const void* left, const void* right) const = 0;
};

/// Whether two members of this type are the same.
template <typename Member>
bool same_members(const void* left, const void* right) {
  return *static_cast<const Member*>(left) == *static_cast<const Member*>(right);
}

/// A setting of a structure whose type the Section knows.
struct UntypedSetting {
  UntypedSetting(std::string key_of_it, Requirement must_be_given, std::string what_may_stand_there,
                 std::shared_ptr<const SettingKind> kind_of_it, std::size_t offset_of_member);

  [[nodiscard]] std::vector<std::string> changed(const void* left, const void* right) const;

  std::string key;
  Requirement presence;
  std::string expected;  ///< for messages
  std::shared_ptr<const SettingKind> kind;
  std::size_t offset;   ///< of the member in the structure, octets
  bool sealed = false;  ///< read at the start only
};

/// What is wrong with values that are each right by themselves, and at which setting to say so.
struct Complaint {
  std::string key;
  std::string message;
};

struct UntypedSection {
  std::vector<UntypedSetting> settings;
  std::function<std::optional<Complaint>(const void*)> check;  ///< may be empty
};

/// How far `part` lies behind the beginning of `whole`, octets.
template <typename Whole, typename Part>
std::size_t octets_between(const Whole& whole, const Part& part) {
  const void* const start = &whole;
  const void* const place = &part;
  return static_cast<std::size_t>(static_cast<const std::byte*>(place) -
                                  static_cast<const std::byte*>(start));
}

/// One to measure distances in.
template <typename Target>
const Target& example() {
  static const Target made{};
  return made;
}

template <typename Target>
struct Setting : UntypedSetting {
  using UntypedSetting::UntypedSetting;

  /// A setting of a base: that of SealedConfig makes it a sealed one.
  template <typename Derived, typename = std::enable_if_t<std::is_base_of_v<Target, Derived> &&
                                                          !std::is_same_v<Target, Derived>>>
  operator Setting<Derived>() const {  // NOLINT(google-explicit-constructor)
    const Derived& whole = example<Derived>();
    Setting<Derived> setting(key, presence, expected, kind,
                             offset + octets_between(whole, static_cast<const Target&>(whole)));
    setting.sealed = std::is_same_v<Target, SealedConfig>;
    return setting;
  }
};

template <typename Target>
struct Section : UntypedSection {
  using Check = std::optional<Complaint> (*)(const Target&);

  /// `check` may be null.
  Section(std::initializer_list<Setting<Target>> all, Check check_whole) {
    settings.assign(all.begin(), all.end());
    set_check(check_whole);
  }
  Section(const std::vector<Setting<Target>>& all, Check check_whole) {
    settings.assign(all.begin(), all.end());
    set_check(check_whole);
  }

 private:
  void set_check(Check check_whole) {
    if (check_whole == nullptr) return;
    check = [check_whole](const void* target) {
      return check_whole(*static_cast<const Target*>(target));
    };
  }
};

/// "got …" for a value of any kind.
std::string got(const YamlNode& node);

/// Throws unless `node` is a mapping or sequence, as `kind` says.
void require(const Place& place, const YamlNode& node, YamlNode::Kind kind,
             const std::string& expected);

/// The path of every setting, lists as `key[].key`.
std::vector<std::string> paths(const UntypedSection& section);

/// Paths of the settings in which the two differ.
std::vector<std::string> changed_paths(const UntypedSection& section, const void* left,
                                       const void* right);

/// JSON Schema of the mapping.
std::string schema_of(const UntypedSection& section);

void read_untyped(const Place& place, const YamlNode& node, const UntypedSection& section,
                  void* target);

template <typename Target>
void read_section(const Place& place, const YamlNode& node, const Section<Target>& section,
                  Target& target) {
  read_untyped(place, node, section, &target);
}

std::string show_untyped(const UntypedSection& section, const void* target,
                         const std::string& indent);

/// All settings that have a value. Empty if one that is required has none: the section is not
/// there.
template <typename Target>
std::string show_section(const Section<Target>& section, const Target& target,
                         const std::string& indent) {
  return show_untyped(section, &target, indent);
}

}  // namespace ctflow::config
