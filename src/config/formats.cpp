// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/formats.hpp"

#include <fmt/format.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>
#include <stdexcept>

#include "config/suggestion.hpp"
#include "text/escape.hpp"
#include "text/number_text.hpp"

namespace ctflow::config {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};
constexpr std::array<Unit, 4> kTimeUnits{{{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}}};
constexpr std::array<Unit, 7> kSizeUnits{{{"B", 1},
                                          {"KiB", 1U << 10U},
                                          {"MiB", 1U << 20U},
                                          {"GiB", 1U << 30U},
                                          {"kB", 1000},
                                          {"MB", 1'000'000},
                                          {"GB", 1'000'000'000}}};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::string_view leading_digits(std::string_view text) {
  const auto end = std::find_if_not(text.begin(), text.end(), text::is_digit);
  return text.substr(0, static_cast<std::size_t>(end - text.begin()));
}

/// Digits to a number; nothing for none, a leading zero, or more than 64 bits.
std::optional<std::uint64_t> decimal(std::string_view digits) {
  if (digits.empty() || (digits.size() > 1 && digits[0] == '0')) return std::nullopt;
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t value = 0;
  for (const char c : digits) {
    if (!text::is_digit(c)) return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (value > (kMost - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  return value;
}

bool looks_numeric(std::string_view text) {
  return !text.empty() && (text::is_digit(text[0]) || (text.size() > 1 && text::is_digit(text[1])));
}

Parsed<std::uint64_t> parse_integer(std::string_view text, std::uint64_t min, std::uint64_t max) {
  const std::optional<std::uint64_t> value = decimal(text);
  if (value && *value >= min && *value <= max) return {value, ""};
  const bool only_digits = leading_digits(text).size() == text.size();
  const bool leading_zero = only_digits && text.size() > 1 && text[0] == '0';
  if (leading_zero) return {std::nullopt, "leave out the leading zeros"};
  if (!only_digits && looks_numeric(text) && text[0] != '-') {
    return {std::nullopt, "write decimal digits only"};
  }
  return {};
}

/// The factor of the unit after the digits; 0 when it is none of `units`.
template <std::size_t kCount>
std::uint64_t factor_of(std::string_view name, const std::array<Unit, kCount>& units) {
  for (const Unit& unit : units) {
    if (unit.name == name) return unit.factor;
  }
  return 0;
}

template <std::size_t kCount>
std::optional<std::uint64_t> quantity(std::string_view text,
                                      const std::array<Unit, kCount>& units) {
  const std::string_view digits = leading_digits(text);
  const std::optional<std::uint64_t> number = decimal(digits);
  const std::uint64_t factor = factor_of(text.substr(digits.size()), units);
  if (!number || factor == 0) return std::nullopt;
  if (*number > std::numeric_limits<std::uint64_t>::max() / factor) return std::nullopt;
  return *number * factor;
}

/// Why `text` is no quantity at all; a quantity out of range needs no more than the range.
template <std::size_t kCount>
std::string quantity_hint(std::string_view text, const std::array<Unit, kCount>& units) {
  const std::string_view digits = leading_digits(text);
  if (digits.empty()) return "";
  if (digits.size() == text.size()) return "add the unit";
  if (digits.size() > 1 && digits[0] == '0') return "leave out the leading zeros";
  const std::string_view unit = text.substr(digits.size());
  if (factor_of(unit, units) != 0) return "";
  if (std::all_of(unit.begin(), unit.end(), is_letter)) return "there is no such unit";
  return "write a whole number and the unit, without a space";
}

/// A limit in the table of settings: wrong only when the table is.
template <std::size_t kCount>
std::uint64_t limit(const std::string& text, const std::array<Unit, kCount>& units) {
  const std::optional<std::uint64_t> value = quantity(text, units);
  if (!value) throw std::logic_error("no such quantity: " + text);
  return *value;
}

template <typename Value, std::size_t kCount>
Parsed<Value> parse_quantity(std::string_view text, std::uint64_t min, std::uint64_t max,
                             const std::array<Unit, kCount>& units) {
  const std::optional<std::uint64_t> value = quantity(text, units);
  if (!value || *value < min || *value > max) return {std::nullopt, quantity_hint(text, units)};
  return {Value(*value), ""};
}

/// In the largest unit that leaves no rest.
template <std::size_t kCount>
std::string show_quantity(std::uint64_t value, const std::array<Unit, kCount>& units) {
  const Unit* best = &units.front();
  for (const Unit& unit : units) {
    if (value != 0 && value % unit.factor == 0 && unit.factor > best->factor) best = &unit;
  }
  return fmt::format("{}{}", value / best->factor, best->name);
}

/// Of any quantity, whether it is in range or not.
template <std::size_t kCount>
std::string pattern_of(const std::array<Unit, kCount>& units) {
  std::string names;
  for (const Unit& unit : units) names += fmt::format("{}{}", names.empty() ? "" : "|", unit.name);
  return "[0-9]+(" + names + ")";
}

bool names_directory(std::string_view text) { return text == "." || text == ".."; }

bool is_identifier_character(char c) {
  return is_letter(c) || text::is_digit(c) || c == '.' || c == '_' || c == '-';
}

/// dev_valid_name() in net/core/dev.c: IFNAMSIZ counts the terminating NUL.
bool is_device(std::string_view text) {
  const bool has_refused = std::any_of(text.begin(), text.end(), [](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return octet <= ' ' || octet == 0x7f || c == '/' || c == ':';
  });
  return !text.empty() && text.size() <= 15 && !names_directory(text) && !has_refused;
}

}  // namespace

ValueFormat<std::uint64_t> integer(std::uint64_t min, std::uint64_t max) {
  return {fmt::format("an integer from {} to {}", min, max),
          [min, max](std::string_view text) { return parse_integer(text, min, max); }, "",
          [](const std::uint64_t& value) { return std::to_string(value); },
          integer_schema(min, max)};
}

ValueFormat<std::optional<std::uint64_t>> integer_or_auto(std::uint64_t min, std::uint64_t max) {
  using Value = std::optional<std::uint64_t>;
  return {fmt::format("auto or an integer from {} to {}", min, max),
          [min, max](std::string_view text) -> Parsed<Value> {
            if (text == "auto") return {std::make_optional<Value>(std::nullopt), ""};
            const Parsed<std::uint64_t> parsed = parse_integer(text, min, max);
            if (!parsed.value) return {std::nullopt, parsed.hint};
            return {std::make_optional<Value>(*parsed.value), ""};
          },
          "", [](const Value& value) { return value ? std::to_string(*value) : "auto"; },
          any_of_schema(integer_schema(min, max), words_schema({"auto"}))};
}

ValueFormat<std::chrono::milliseconds> duration(const std::string& min, const std::string& max) {
  const std::uint64_t least = limit(min, kTimeUnits);
  const std::uint64_t most = limit(max, kTimeUnits);
  return {fmt::format("a duration from {} to {} with its unit (ms, s, m or h)", min, max),
          [least, most](std::string_view text) {
            return parse_quantity<std::chrono::milliseconds>(text, least, most, kTimeUnits);
          },
          "",
          [](const std::chrono::milliseconds& value) {
            return show_quantity(static_cast<std::uint64_t>(value.count()), kTimeUnits);
          },
          text_schema(pattern_of(kTimeUnits))};
}

ValueFormat<std::chrono::milliseconds> duration_or_off(const std::string& min,
                                                       const std::string& max) {
  ValueFormat<std::chrono::milliseconds> format = duration(min, max);
  format.expected = "off or " + format.expected;
  format.parse = [parse = std::move(format.parse)](
                     std::string_view text) -> Parsed<std::chrono::milliseconds> {
    if (text == "off") return {std::chrono::milliseconds(0), ""};
    return parse(text);
  };
  format.show = [show = std::move(format.show)](const std::chrono::milliseconds& value) {
    return value.count() == 0 ? "off" : show(value);
  };
  format.schema = text_schema("off|" + pattern_of(kTimeUnits));
  return format;
}

ValueFormat<std::uint64_t> size(const std::string& min, const std::string& max) {
  const std::uint64_t least = limit(min, kSizeUnits);
  const std::uint64_t most = limit(max, kSizeUnits);
  return {
      fmt::format("a size from {} to {} with its unit (B, KiB, MiB, GiB, kB, MB or GB)", min, max),
      [least, most](std::string_view text) {
        return parse_quantity<std::uint64_t>(text, least, most, kSizeUnits);
      },
      "", [](const std::uint64_t& value) { return show_quantity(value, kSizeUnits); },
      text_schema(pattern_of(kSizeUnits))};
}

ValueFormat<std::uint64_t> size_or_off(const std::string& min, const std::string& max) {
  ValueFormat<std::uint64_t> format = size(min, max);
  format.expected = "off or " + format.expected;
  format.parse = [parse = std::move(format.parse)](std::string_view text) -> Parsed<std::uint64_t> {
    if (text == "off") return {std::uint64_t{0}, ""};
    return parse(text);
  };
  format.show = [show = std::move(format.show)](const std::uint64_t& value) {
    return value == 0 ? "off" : show(value);
  };
  format.schema = text_schema("off|" + pattern_of(kSizeUnits));
  return format;
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return lower;
}

std::string word_hint(std::string_view text, const std::vector<std::string>& words) {
  const std::optional<std::string> nearest = nearest_word(lower_case(text), words);
  return nearest ? fmt::format("did you mean \"{}\"?", *nearest) : "";
}

ValueFormat<bool> boolean() {
  ValueFormat<bool> format = choice<bool>({{"true", true}, {"false", false}});
  format.schema = any_of_schema(R"({"type": "boolean"})", format.schema);
  format.parse = [words = std::move(format.parse)](std::string_view text) -> Parsed<bool> {
    const std::string lower = lower_case(text);
    Parsed<bool> parsed = words(text);
    if (parsed.value) return parsed;
    for (const std::string_view yes : {"true", "yes", "on", "y", "1"}) {
      if (lower == yes) parsed.hint = "write true";
    }
    for (const std::string_view no : {"false", "no", "off", "n", "0"}) {
      if (lower == no) parsed.hint = "write false";
    }
    return parsed;
  };
  return format;
}

ValueFormat<std::string> identifier() {
  return {"a name of 1 to 64 letters, digits, dots, underscores and hyphens",
          [](std::string_view text) -> Parsed<std::string> {
            const bool fits = !text.empty() && text.size() <= 64 &&
                              std::all_of(text.begin(), text.end(), is_identifier_character);
            if (!fits) return {};
            if (names_directory(text)) {
              return {std::nullopt, "files and directories are named after it"};
            }
            return {std::string(text), ""};
          }};
}

ValueFormat<std::string> absolute_path() {
  return {"the name of a file that begins with /, at most 4095 octets",
          [](std::string_view text) -> Parsed<std::string> {
            constexpr std::size_t kLongest = 4095;  // PATH_MAX has room for a zero octet
            const bool fits = text.size() > 1 && text.size() <= kLongest && text.front() == '/' &&
                              text.find('\0') == std::string_view::npos;
            if (!fits) return {};
            return {std::string(text), ""};
          }};
}

ValueFormat<std::string> credential_path() {
  ValueFormat<std::string> format = absolute_path();
  format.expected += ", or with $CREDENTIALS_DIRECTORY/";
  format.parse = [parse = std::move(format.parse)](std::string_view text) -> Parsed<std::string> {
    constexpr std::string_view kVariable = "$CREDENTIALS_DIRECTORY/";
    if (text.substr(0, kVariable.size()) != kVariable) return parse(text);
    const char* const directory = std::getenv("CREDENTIALS_DIRECTORY");
    if (directory == nullptr || *directory == '\0') {
      return {
          std::nullopt,
          "only a service with LoadCredential= has that directory; to check the file elsewhere, "
          "set CREDENTIALS_DIRECTORY to where the originals are"};
    }
    return parse(std::string(directory) + '/' + std::string(text.substr(kVariable.size())));
  };
  return format;
}

ValueFormat<std::string> file_name_pattern() {
  return {
      "a file name of at most 100 octets, without control characters, that strftime(3) completes, "
      "such as flows-%Y%m%d.ipfix",
      [](std::string_view text) -> Parsed<std::string> {
        // strftime() would stop at a zero octet; others make a name that cannot be typed.
        const bool is_text = text::printable(text) == text;
        if (text.empty() || text.size() > 100 || names_directory(text) || !is_text) return {};
        if (text.find('/') != std::string_view::npos) {
          return {std::nullopt, "the directory is a setting of its own"};
        }
        return {std::string(text), ""};
      }};
}

ValueFormat<std::string> device() {
  return {"the name of a network interface (1 to 15 characters without spaces, / and :)",
          [](std::string_view text) -> Parsed<std::string> {
            if (!is_device(text)) return {};
            return {std::string(text), ""};
          }};
}

namespace {

/// The same format, where `off` is the empty string.
ValueFormat<std::string> or_off(ValueFormat<std::string> format) {
  format.expected = "off or " + format.expected;
  format.parse = [parse = std::move(format.parse)](std::string_view text) -> Parsed<std::string> {
    if (text == "off") return {std::string(), ""};
    return parse(text);
  };
  format.show = [](const std::string& value) { return value.empty() ? "off" : value; };
  return format;
}

}  // namespace

ValueFormat<std::string> absolute_path_or_off() { return or_off(absolute_path()); }

ValueFormat<std::string> socket_path_or_off() {
  constexpr std::size_t kLongest = sizeof(sockaddr_un::sun_path) - 1;
  ValueFormat<std::string> format = absolute_path();
  format.expected =
      fmt::format("the name of a socket that begins with /, at most {} octets", kLongest);
  format.parse = [parse = std::move(format.parse)](std::string_view text) -> Parsed<std::string> {
    if (text.size() > kLongest) {
      return {std::nullopt, fmt::format("it has {} octets", text.size())};
    }
    return parse(text);
  };
  return or_off(format);
}

ValueFormat<std::string> broker() {
  const auto parse = [](std::string_view text) -> Parsed<std::string> {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return {std::nullopt, "add the port, such as :9092"};
    const std::string_view name = text.substr(0, colon);
    const bool bare_ipv6 = name.find(':') != std::string_view::npos && name.front() != '[';
    if (bare_ipv6) return {std::nullopt, "put an IPv6 address in brackets, and all in quotes"};
    const bool fits = host().parse(name).value.has_value() &&
                      parse_integer(text.substr(colon + 1), 1, 65535).value.has_value();
    if (!fits) return {};
    return {std::string(text), ""};
  };
  return {"a broker's host and port, such as kafka1.example:9092", parse};
}

ValueFormat<std::string> topic() {
  const auto parse = [](std::string_view text) -> Parsed<std::string> {
    constexpr std::size_t kLongest = 249;  // org.apache.kafka.common.internals.Topic
    const bool fits = !text.empty() && text.size() <= kLongest && !names_directory(text) &&
                      std::all_of(text.begin(), text.end(), is_identifier_character);
    if (!fits) return {};
    return {std::string(text), ""};
  };
  return {"a topic's name of 1 to 249 letters, digits, dots, underscores and hyphens", parse};
}

ValueFormat<std::string> endpoint_or_off() {
  const auto parse = [](std::string_view text) -> Parsed<std::string> {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return {std::nullopt, "add the port"};
    const std::string_view host = text.substr(0, colon);
    const bool bare_ipv6 = host.find(':') != std::string_view::npos && host.front() != '[';
    if (bare_ipv6) return {std::nullopt, "put an IPv6 address in brackets, and all in quotes"};
    const bool fits = numeric_address().parse(host).value.has_value() &&
                      parse_integer(text.substr(colon + 1), 1, 65535).value.has_value();
    if (!fits) return {};
    return {std::string(text), ""};
  };
  return or_off({"a numeric address and a port, such as 127.0.0.1:9995", parse});
}

}  // namespace ctflow::config
