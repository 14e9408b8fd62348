// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/yaml_reader.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <exception>
#include <map>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>

#include "config/shown.hpp"
#include "ctflow/config_error.hpp"
#include "text/escape.hpp"

namespace ctflow::config {
namespace {

using Kind = YamlNode::Kind;

/// Builds the tree from the parser's events, which come before the parser goes deeper: what throws
/// here bounds the recursion there.
class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(const SourceText& source) : source_(source) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (root_) {
      source_.fail(offset(mark), "", "expected the end of the file after the first YAML document");
    }
  }
  void OnDocumentEnd() override {}

  void OnAnchor(const YAML::Mark& mark, const std::string& /*name*/) override {
    fail(mark, "anchors (&name) are not supported: write each value out where it is used");
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    fail(mark, "aliases (*name) are not supported: write each value out where it is used");
  }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    refuse_tag(mark, "");
    add(node(Kind::kNull, place_of_null(offset(mark))));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t /*anchor*/,
                const std::string& value) override {
    refuse_tag(mark, tag);
    refuse_open_quote(mark);
    YamlNode scalar = node(Kind::kScalar, offset(mark));
    scalar.text = value;
    add(std::move(scalar));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t /*anchor*/,
                       YAML::EmitterStyle::value /*style*/) override {
    open(mark, tag, Kind::kSequence);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t /*anchor*/,
                  YAML::EmitterStyle::value /*style*/) override {
    open(mark, tag, Kind::kMapping);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

  std::optional<YamlNode> take() { return std::move(root_); }

  /// Of what is being read.
  [[nodiscard]] std::string path() const {
    std::string path;
    for (const Level& level : levels_) {
      if (level.collection.kind == Kind::kSequence) {
        path = item_path(path, level.collection.children.size());
      } else if (level.key) {
        path = member_path(path, *level.key);
      }
    }
    return path;
  }

 private:
  struct Level {
    YamlNode collection;
    std::map<std::string, std::size_t> keys;  ///< of a mapping, with their offsets
    std::optional<std::string> key;           ///< read already, its value is next
  };

  static std::size_t offset(const YAML::Mark& mark) {
    return mark.pos < 0 ? 0 : static_cast<std::size_t>(mark.pos);
  }

  static YamlNode node(Kind kind, std::size_t offset) {
    YamlNode node;
    node.kind = kind;
    node.offset = offset;
    return node;
  }

  [[noreturn]] void fail(const YAML::Mark& mark, std::string_view message) const {
    source_.fail(offset(mark), path(), message);
  }

  [[nodiscard]] char character_at(std::size_t offset) const {
    return offset < source_.text().size() ? source_.text()[offset] : '\0';
  }

  /// The parser says `?` for a plain value and `!` for a quoted one, but also for the tag `!`.
  void refuse_tag(const YAML::Mark& mark, const std::string& tag) const {
    const bool untagged = tag.empty() || tag == "?" || tag == "!";
    if (!untagged || character_at(offset(mark)) == '!') {
      fail(mark, "tags (!name) are not supported: write the value alone");
    }
  }

  /// The parser takes the end of the file for the missing quote, with all settings in between.
  void refuse_open_quote(const YAML::Mark& mark) const {
    const std::string& text = source_.text();
    const char quote = character_at(offset(mark));
    if (quote != '"' && quote != '\'') return;
    for (std::size_t i = offset(mark) + 1; i < text.size(); ++i) {
      if (quote == '"' && text[i] == '\\') {
        ++i;
      } else if (text[i] == quote) {
        if (quote == '"' || character_at(i + 1) != quote) return;
        ++i;
      }
    }
    fail(mark, fmt::format("not valid YAML: the quote ({}) is never closed", quote));
  }

  /// The parser marks an empty value by what follows it, which may be lines away.
  [[nodiscard]] std::size_t place_of_null(std::size_t marked) const {
    const char first = character_at(marked);
    if (levels_.empty() || first == '~') return marked;
    const Level& level = levels_.back();
    if (level.key) {
      const std::size_t key = level.keys.at(*level.key);
      const std::string_view between = std::string_view(source_.text()).substr(key, marked - key);
      const bool same_line = between.find('\n') == std::string_view::npos;
      return same_line && (first == 'n' || first == 'N') ? marked : key;
    }
    const std::string_view before = std::string_view(source_.text()).substr(0, marked + 1);
    const std::size_t last = before.find_last_not_of(" \t\r\n");
    if (last != std::string_view::npos) marked = last;
    return marked;
  }

  void open(const YAML::Mark& mark, const std::string& tag, Kind kind) {
    refuse_tag(mark, tag);
    if (tag == "!") fail(mark, "tags (!name) are not supported: write the value alone");
    if (levels_.size() == kMaxDepth) {
      fail(mark, fmt::format("expected at most {} levels of nesting, got more", kMaxDepth));
    }
    Level level;
    level.collection = node(kind, offset(mark));
    levels_.push_back(std::move(level));
  }

  void close() {
    YamlNode done = std::move(levels_.back().collection);
    levels_.pop_back();
    add(std::move(done));
  }

  [[nodiscard]] bool expects_key() const {
    return levels_.back().collection.kind == Kind::kMapping && !levels_.back().key;
  }

  void add(YamlNode done) {
    if (levels_.empty()) {
      root_ = std::move(done);
    } else if (expects_key()) {
      take_key(done);
    } else {
      Level& level = levels_.back();
      if (level.key) {
        done.key_offset = level.keys.at(*level.key);
        done.key = std::move(*level.key);
        level.key.reset();
      }
      level.collection.children.push_back(std::move(done));
    }
  }

  void take_key(const YamlNode& key) {
    Level& level = levels_.back();
    // Only now, and not when the collection opened: the parser also announces one as a key when its
    // closing bracket is missing, and then says so itself.
    if (key.kind != Kind::kScalar) {
      const bool is_null = key.kind == Kind::kNull;
      source_.fail(key.offset, path(),
                   fmt::format("expected a plain word as key, got {}",
                               is_null ? "nothing" : "a list or mapping"));
    }
    if (key.text == "<<") {
      source_.fail(key.offset, path(), "merge keys (<<) are not supported: write the settings out");
    }
    const auto [first, is_new] = level.keys.emplace(key.text, key.offset);
    level.key = key.text;
    if (!is_new) {
      source_.fail(key.offset, path(),
                   fmt::format("given twice, the first time in line {}: keep one",
                               source_.position(first->second).line));
    }
  }

  const SourceText& source_;
  std::vector<Level> levels_;
  std::optional<YamlNode> root_;
};

struct SyntaxHint {
  std::string_view words, hint;
};
/// What is usually behind the parser's words.
constexpr std::array<SyntaxHint, 6> kSyntaxHints{{
    {"illegal map value", "check the indentation, and the colons near here"},
    {"end of map not found", "check the indentation, and the colons near here"},
    {"end of sequence not found", "check the indentation near here"},
    {"end of map flow not found", "a closing } is missing"},
    {"end of sequence flow not found", "a closing ] is missing"},
    {"unknown token", "put quotes around a value that begins with a special character"},
}};

std::string_view syntax_hint(std::string_view words) {
  for (const SyntaxHint& hint : kSyntaxHints) {
    if (hint.words == words) return hint.hint;
  }
  return "";
}

/// The parser's own words, with a hint.
std::string syntax_message(const SourceText& source, const YAML::Exception& error,
                           std::size_t offset) {
  const std::string& text = source.text();
  if (offset < text.size() && text[offset] == '*') {
    return "aliases (*name) are not supported: write each value out where it is used";
  }
  const std::size_t before = offset == 0 ? std::string::npos : text.rfind('\n', offset - 1);
  const std::size_t line = before == std::string::npos ? 0 : before + 1;
  const std::size_t word = std::min(text.find_first_not_of(" \t", line), text.size());
  const bool has_tab = text.find('\t', line) < word;
  const std::string_view hint =
      has_tab ? "indent with spaces, not with tabs" : syntax_hint(error.msg);
  std::string message = "not valid YAML: " + text::printable(error.msg);
  if (!hint.empty()) message += fmt::format(": {}", hint);
  return message;
}

}  // namespace

YamlNode read_yaml(const SourceText& source) {
  TreeBuilder builder(source);
  try {
    std::istringstream stream(source.text());
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const ConfigError&) {
    throw;
  } catch (const YAML::Exception& error) {
    const std::size_t offset = error.mark.pos < 0 ? 0 : static_cast<std::size_t>(error.mark.pos);
    source.fail(offset, "", syntax_message(source, error, offset));
  } catch (const std::exception& error) {
    source.fail(0, "", "cannot be read as YAML: " + text::printable(error.what()));
  }
  std::optional<YamlNode> root = builder.take();
  if (!root || root->kind == Kind::kNull) {
    source.fail(
        0, "", "expected a mapping of settings, got an empty file: name a collector (collectors:)");
  }
  return std::move(*root);
}

std::string member_path(const std::string& parent, const std::string& key) {
  return parent.empty() ? shown_key(key) : parent + '.' + shown_key(key);
}

std::string item_path(const std::string& parent, std::size_t index) {
  return fmt::format("{}[{}]", parent, index);
}

}  // namespace ctflow::config
