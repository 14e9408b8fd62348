// SPDX-License-Identifier: GPL-2.0-or-later
// Formats of single values: the text of a scalar to its value. Independent of YAML and of the
// settings; quotes around a value make no difference.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/json_schema.hpp"

namespace ctflow::config {

inline constexpr std::uint64_t kMax32 = std::numeric_limits<std::uint32_t>::max();

template <typename Value>
struct Parsed {
  std::optional<Value> value;  ///< nothing: not valid
  std::string hint;            ///< then: how to correct it, if that is known
};

template <typename Value>
struct ValueFormat {
  std::string expected;  ///< "an integer from 1 to 65535"
  std::function<Parsed<Value>(std::string_view)> parse;
  std::string collection_hint{};  ///< how to correct a list or mapping in its place
  /// The text that `parse` makes this value of. Empty: the value is a text itself.
  std::function<std::string(const Value&)> show{};
  std::string schema{};  ///< JSON Schema of the text; empty: of any scalar
};

/// Plain decimal digits; YAML readers disagree about every other form (0123, 0x10, 1e3, 1_000).
ValueFormat<std::uint64_t> integer(std::uint64_t min, std::uint64_t max);

/// `auto` is no value, an outer optional that holds an empty one.
ValueFormat<std::optional<std::uint64_t>> integer_or_auto(std::uint64_t min, std::uint64_t max);

/// An integer with its unit, ms, s, m or h. The limits are written the same way.
ValueFormat<std::chrono::milliseconds> duration(const std::string& min, const std::string& max);

/// `off` is zero.
ValueFormat<std::chrono::milliseconds> duration_or_off(const std::string& min,
                                                       const std::string& max);

/// Octets: an integer with its unit, B, kB, MB, GB (1000) or KiB, MiB, GiB (1024). So the limits.
ValueFormat<std::uint64_t> size(const std::string& min, const std::string& max);

/// `off` is zero.
ValueFormat<std::uint64_t> size_or_off(const std::string& min, const std::string& max);

/// `true` or `false`; yes, no, on, off are refused, because YAML 1.2 reads them as words.
ValueFormat<bool> boolean();

/// 1 to 64 letters, digits, dots, underscores and hyphens, but no name of a directory: . or ..
ValueFormat<std::string> identifier();

/// A file name with strftime(3) conversions, without slashes, at most 100 octets.
ValueFormat<std::string> file_name_pattern();

/// An IPv4 or IPv6 address, or a host name to look up. Brackets around IPv6 are removed.
ValueFormat<std::string> host();

/// An IPv4 or IPv6 address. Brackets around IPv6 are removed.
ValueFormat<std::string> numeric_address();

/// The name of a file, from the root.
ValueFormat<std::string> absolute_path();

/// The same, or one in `$CREDENTIALS_DIRECTORY` (systemd.exec(5)), in place of which its value is
/// put. It is the only variable that a configuration may name.
ValueFormat<std::string> credential_path();

/// The same; `off` is the empty string.
ValueFormat<std::string> absolute_path_or_off();

/// The same, short enough for a unix socket's name.
ValueFormat<std::string> socket_path_or_off();

/// ADDRESS:PORT or [IPv6 ADDRESS]:PORT, numeric; `off` is the empty string.
ValueFormat<std::string> endpoint_or_off();

/// HOST:PORT of a Kafka broker, with an IPv6 address in brackets.
ValueFormat<std::string> broker();

/// The name of a Kafka topic.
ValueFormat<std::string> topic();

/// A network interface, by the rule of the kernel's dev_valid_name().
ValueFormat<std::string> device();

std::string lower_case(std::string_view text);

/// What is meant by `text` if it is one of `words` with other capitals or a typing mistake.
std::string word_hint(std::string_view text, const std::vector<std::string>& words);

/// The same format with hints for words that are often written instead, in any capitals.
template <typename Value>
ValueFormat<Value> with_hints(ValueFormat<Value> format,
                              const std::vector<std::pair<std::string, std::string>>& hints) {
  format.parse = [parse = std::move(format.parse), hints](std::string_view text) {
    Parsed<Value> parsed = parse(text);
    if (parsed.value) return parsed;
    for (const auto& [word, hint] : hints) {
      if (lower_case(text) == word) parsed.hint = hint;
    }
    return parsed;
  };
  return format;
}

/// One of the given words.
template <typename Value>
ValueFormat<Value> choice(const std::vector<std::pair<std::string, Value>>& words) {
  std::string expected;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) expected += i + 1 == words.size() ? " or " : ", ";
    expected += words[i].first;
  }
  const auto parse = [words](std::string_view text) -> Parsed<Value> {
    std::vector<std::string> known;
    for (const auto& [word, value] : words) {
      if (text == word) return {value, ""};
      known.push_back(word);
    }
    return {std::nullopt, word_hint(text, known)};
  };
  const auto show = [words](const Value& shown) -> std::string {
    for (const auto& [word, value] : words) {
      if (value == shown) return word;
    }
    return "";
  };
  std::vector<std::string> known;
  known.reserve(words.size());
  for (const auto& [word, value] : words) known.push_back(word);
  return {expected, parse, "", show, words_schema(known)};
}

/// 4 or 6 when `text` is a numeric address without brackets, else 0.
int address_family(const std::string& text);

}  // namespace ctflow::config
