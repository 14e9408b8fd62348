// SPDX-License-Identifier: GPL-2.0-or-later
// The kinds of settings: a value, a list of values, a mapping, a list of mappings. The language
// that is made of them is settings.cpp.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "config/formats.hpp"
#include "config/section.hpp"

namespace ctflow::config {

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

/// What a scalar was taken for.
struct Taken {
  bool valid = false;
  std::string hint;  ///< if not: how to correct it, if that is known
};

/// The text of scalars for messages, files and schemas.
struct ScalarText {
  std::string expected;
  std::string collection_hint;
  std::string schema;
};

/// A single value.
class ScalarKind : public WholeKind {
 public:
  explicit ScalarKind(ScalarText text) : text_(std::move(text)) {}

  void read(const Place& place, const YamlNode& node, void* member) const override;
  [[nodiscard]] std::string show(const std::string& key, const void* member,
                                 const std::string& indent) const override;
  [[nodiscard]] std::string schema() const override;

 private:
  virtual Taken take(std::string_view text, void* member) const = 0;
  /// As written in a file; empty: nothing that could stand there.
  [[nodiscard]] virtual std::string written(const void* member) const = 0;

  ScalarText text_;
};

template <typename Value>
ScalarText scalar_text(const ValueFormat<Value>& format) {
  return {format.expected, format.collection_hint, format.schema};
}

/// A scalar as it stands in a file, in quotes if it needs them.
std::string written(const std::string& text);

/// What the format reads as this value.
template <typename Value>
std::string text_of_value(const ValueFormat<Value>& format, const Value& value) {
  if (format.show) return format.show(value);
  if constexpr (std::is_same_v<Value, std::string>) {
    return value;
  } else {
    return "";
  }
}

/// The same as it stands in a file; empty if no text stands for it, such as for a name that is not
/// set.
template <typename Value>
std::string written_value(const ValueFormat<Value>& format, const Value& value) {
  const std::string text = text_of_value(format, value);
  return format.parse(text).value ? written(text) : "";
}

template <typename Member, typename Value>
class ValueKind final : public ScalarKind {
 public:
  explicit ValueKind(const ValueFormat<Value>& format)
      : ScalarKind(scalar_text(format)), format_(format) {}

 private:
  Taken take(std::string_view text, void* member) const override {
    const Parsed<Value> parsed = format_.parse(text);
    if (!parsed.value) return {false, parsed.hint};
    if constexpr (std::is_arithmetic_v<Member>) {
      *static_cast<Member*>(member) = static_cast<Member>(*parsed.value);
    } else {
      *static_cast<Member*>(member) = *parsed.value;
    }
    return {true, ""};
  }
  [[nodiscard]] bool same(const void* left, const void* right) const override {
    return same_members<Member>(left, right);
  }
  [[nodiscard]] std::string written(const void* member) const override {
    const std::optional<Value> shown = as_value<Value>(*static_cast<const Member*>(member));
    return shown ? written_value(format_, *shown) : "";
  }

  ValueFormat<Value> format_;
};

/// A list of at least one value, none twice.
class WordsKind : public WholeKind {
 public:
  WordsKind(std::string expected, ScalarText text)
      : expected_(std::move(expected)), text_(std::move(text)) {}

  void read(const Place& place, const YamlNode& node, void* member) const override;
  [[nodiscard]] std::string show(const std::string& key, const void* member,
                                 const std::string& indent) const override;
  [[nodiscard]] std::string schema() const override;

 private:
  virtual void clear(void* member) const = 0;
  virtual Taken append(std::string_view text, void* member) const = 0;
  /// A text that only the last value and those that are the same have.
  [[nodiscard]] virtual std::string last(const void* member) const = 0;
  /// As written in a file.
  [[nodiscard]] virtual std::vector<std::string> written(const void* member) const = 0;

  std::string expected_;
  ScalarText text_;
};

template <typename Value>
class ValuesKind final : public WordsKind {
 public:
  ValuesKind(std::string expected, const ValueFormat<Value>& format)
      : WordsKind(std::move(expected), scalar_text(format)), format_(format) {}

 private:
  using Values = std::vector<Value>;

  void clear(void* member) const override { static_cast<Values*>(member)->clear(); }
  Taken append(std::string_view text, void* member) const override {
    const Parsed<Value> parsed = format_.parse(text);
    if (!parsed.value) return {false, parsed.hint};
    static_cast<Values*>(member)->push_back(*parsed.value);
    return {true, ""};
  }
  [[nodiscard]] std::string last(const void* member) const override {
    return text_of_value(format_, static_cast<const Values*>(member)->back());
  }
  [[nodiscard]] bool same(const void* left, const void* right) const override {
    return same_members<Values>(left, right);
  }
  [[nodiscard]] std::vector<std::string> written(const void* member) const override {
    const Values& values = *static_cast<const Values*>(member);
    std::vector<std::string> all;
    all.reserve(values.size());
    for (const Value& one : values) all.push_back(written_value(format_, one));
    return all;
  }

  ValueFormat<Value> format_;
};

/// A mapping of any keys to texts, a std::map. Texts whose keys are `secret` are not shown.
class TextsKind final : public WholeKind {
 public:
  using Secret = bool (*)(const std::string& key);

  TextsKind(std::string expected, Secret secret)
      : expected_(std::move(expected)), secret_(secret) {}

  void read(const Place& place, const YamlNode& node, void* member) const override;
  [[nodiscard]] std::string show(const std::string& key, const void* member,
                                 const std::string& indent) const override;
  [[nodiscard]] std::string schema() const override;

 private:
  using Texts = std::map<std::string, std::string>;

  [[nodiscard]] bool same(const void* left, const void* right) const override {
    return same_members<Texts>(left, right);
  }

  std::string expected_;
  Secret secret_;
};

/// A mapping of settings.
class SectionKind final : public SettingKind {
 public:
  explicit SectionKind(UntypedSection inner) : inner_(std::move(inner)) {}

  void read(const Place& place, const YamlNode& node, void* member) const override;
  [[nodiscard]] std::vector<std::string> changed(const std::string& key, const void* left,
                                                 const void* right) const override;
  [[nodiscard]] std::string show(const std::string& key, const void* member,
                                 const std::string& indent) const override;
  [[nodiscard]] std::string schema() const override;
  [[nodiscard]] std::vector<std::string> below() const override;

 private:
  UntypedSection inner_;
};

inline constexpr const char* kListOfMappings = "a list of at least one mapping of settings";

/// A list of at least one mapping, a std::vector.
class ListKind : public WholeKind {
 public:
  explicit ListKind(UntypedSection inner) : inner_(std::move(inner)) {}

  void read(const Place& place, const YamlNode& node, void* member) const override;
  [[nodiscard]] std::string show(const std::string& key, const void* member,
                                 const std::string& indent) const override;
  [[nodiscard]] std::string schema() const override;
  [[nodiscard]] std::vector<std::string> below() const override;

 private:
  virtual void* append(void* member) const = 0;
  [[nodiscard]] virtual std::vector<const void*> items(const void* member) const = 0;
  /// After all have been read.
  virtual void check(const Place& /*place*/, const YamlNode& /*node*/,
                     const void* /*member*/) const {}

  UntypedSection inner_;
};

template <typename Member>
class MappingsKind : public ListKind {
 public:
  using ListKind::ListKind;

 private:
  using Members = std::vector<Member>;

  void* append(void* member) const override {
    return &static_cast<Members*>(member)->emplace_back();
  }
  [[nodiscard]] std::vector<const void*> items(const void* member) const override {
    const Members& members = *static_cast<const Members*>(member);
    std::vector<const void*> all;
    all.reserve(members.size());
    for (const Member& one : members) all.push_back(&one);
    return all;
  }
  [[nodiscard]] bool same(const void* left, const void* right) const override {
    return same_members<Members>(left, right);
  }
};

/// Refuses the item at `index`, whose `id_key` the one at `first` has.
[[noreturn]] void fail_same_id(const Place& place, const YamlNode& node, const std::string& id_key,
                               std::size_t first, std::size_t index);

/// The same, no two with the same `id`.
template <typename Member, typename Id>
class MappingsWithIdKind final : public MappingsKind<Member> {
 public:
  MappingsWithIdKind(UntypedSection inner, std::string id_key, Id Member::*id)
      : MappingsKind<Member>(std::move(inner)), id_key_(std::move(id_key)), id_(id) {}

 private:
  void check(const Place& place, const YamlNode& node, const void* member) const override {
    const auto& all = *static_cast<const std::vector<Member>*>(member);
    std::map<Id, std::size_t> seen;
    for (std::size_t i = 0; i < all.size(); ++i) {
      const auto [first, is_new] = seen.emplace(all[i].*id_, i);
      if (!is_new) fail_same_id(place, node, id_key_, first->second, i);
    }
  }

  std::string id_key_;
  Id Member::*id_;
};

template <typename Target, typename Member>
std::size_t offset_of(Member Target::*member) {
  return octets_between(example<Target>(), example<Target>().*member);
}

/// A setting with a single value. The format's range must fit the member.
template <typename Target, typename Member, typename Value>
Setting<Target> value(const std::string& key, Requirement presence,
                      const ValueFormat<Value>& format, Member Target::*member) {
  return {key, presence, format.expected, make_kind<ValueKind<Member, Value>>(format),
          offset_of(member)};
}

/// A setting that is a list of at least one value, none twice.
template <typename Target, typename Value>
Setting<Target> words(const std::string& key, Requirement presence, const std::string& what,
                      const ValueFormat<Value>& format, std::vector<Value> Target::*member) {
  const std::string expected = "a list of " + what + ", at least one";
  return {key, presence, expected, make_kind<ValuesKind<Value>>(expected, format),
          offset_of(member)};
}

/// A setting that is a mapping whose keys are others' words, each with a text.
template <typename Target>
Setting<Target> texts(const std::string& key, Requirement presence, const std::string& what,
                      TextsKind::Secret secret,
                      std::map<std::string, std::string> Target::*member) {
  const std::string expected = "a mapping of " + what;
  return {key, presence, expected, make_kind<TextsKind>(expected, secret), offset_of(member)};
}

/// A setting that is a mapping of others.
template <typename Target, typename Member>
Setting<Target> section(const std::string& key, Requirement presence, const Section<Member>& inner,
                        Member Target::*member) {
  return {key, presence, "a mapping of settings", make_kind<SectionKind>(inner), offset_of(member)};
}

/// A setting that is a list of at least one mapping.
template <typename Target, typename Member>
Setting<Target> list(const std::string& key, Requirement presence, const Section<Member>& inner,
                     std::vector<Member> Target::*member) {
  return {key, presence, kListOfMappings, make_kind<MappingsKind<Member>>(inner),
          offset_of(member)};
}

/// The same, no two with the same `id`.
template <typename Target, typename Member, typename Id>
Setting<Target> list(const std::string& key, Requirement presence, const Section<Member>& inner,
                     std::vector<Member> Target::*member, const std::string& id_key,
                     Id Member::*id) {
  return {key, presence, kListOfMappings,
          make_kind<MappingsWithIdKind<Member, Id>>(inner, id_key, id), offset_of(member)};
}

}  // namespace ctflow::config
