// SPDX-License-Identifier: GPL-2.0-or-later
#include "nat_log/ruleset_maps.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <deque>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "text/escape.hpp"
#include "text/network_text.hpp"
#include "text/protocol_text.hpp"

namespace ctflow::nat {
namespace {

using RulesetJson = nlohmann::json;

/// A member of an object. Null: it has none, or is no object.
const RulesetJson* member(const RulesetJson* of, const char* name) {
  if (of == nullptr || !of->is_object()) return nullptr;
  const auto found = of->find(name);
  return found == of->end() ? nullptr : &*found;
}

std::string word(const RulesetJson* of, const char* name) {
  const RulesetJson* const found = member(of, name);
  return found != nullptr && found->is_string() ? found->get<std::string>() : std::string();
}

/// Of a number or of text, as nft writes what it has a name for.
std::optional<std::uint8_t> protocol_of(const RulesetJson& value) {
  if (value.is_string()) return text::parse_protocol(value.get<std::string>());
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > 255) return std::nullopt;
  return value.get<std::uint8_t>();
}

using Protocols = std::set<std::int16_t>;

/// Those that `right` lists. Nothing: it does not list them.
std::optional<Protocols> listed_protocols(const RulesetJson* right) {
  if (right == nullptr) return std::nullopt;
  const RulesetJson* const listed = member(right, "set");
  const RulesetJson all = listed != nullptr ? *listed : RulesetJson::array({*right});
  Protocols found;
  for (const RulesetJson& one : all) {
    const auto protocol = protocol_of(one);
    if (!protocol) return std::nullopt;
    found.insert(*protocol);
  }
  return found;
}

/// The protocols that a condition lets through. Nothing: it asks for them and does not list them,
/// as `meta l4proto != tcp`.
std::optional<Protocols> protocols_of(const RulesetJson& expression) {
  const RulesetJson* const match = member(&expression, "match");
  const RulesetJson* const left = member(match, "left");
  const RulesetJson* const payload = member(left, "payload");
  const std::string header = word(payload, "protocol");
  const std::string field = word(payload, "field");
  const bool asks = (header == "ip" && field == "protocol") ||
                    (header == "ip6" && field == "nexthdr") ||
                    word(member(left, "meta"), "key") == "l4proto";
  if (!asks) {
    // Of `tcp dport 80` the protocol is not listed beside it.
    const auto implied = header.empty() ? std::nullopt : text::parse_protocol(header);
    return Protocols{implied ? std::int16_t{*implied} : kAnyProtocol};
  }
  const std::string comparison = word(match, "op");
  if (comparison != "==" && comparison != "in") return std::nullopt;
  return listed_protocols(member(match, "right"));
}

/// Those of both.
Protocols narrowed(const Protocols& one, const Protocols& other) {
  if (one.count(kAnyProtocol) > 0) return other;
  if (other.count(kAnyProtocol) > 0) return one;
  Protocols both;
  std::set_intersection(one.begin(), one.end(), other.begin(), other.end(),
                        std::inserter(both, both.end()));
  return both;
}

std::optional<Network> address_of(const RulesetJson& value) {
  if (!value.is_string()) return std::nullopt;
  return text::parse_address(value.get<std::string>());
}

/// A key that is one address. `10.0.0.0/30` are four, which would share their ports.
std::optional<Network> inside_of(const RulesetJson& key) {
  if (const RulesetJson* const prefix = member(&key, "prefix")) {
    const auto address = address_of(prefix->value("addr", RulesetJson()));
    const bool one = address && prefix->value("len", RulesetJson()) == address->length;
    return one ? address : std::nullopt;
  }
  if (const RulesetJson* const range = member(&key, "range")) {
    const bool one = range->is_array() && range->size() == 2 && range->front() == range->back();
    return one ? address_of(range->front()) : std::nullopt;
  }
  return address_of(key);
}

std::optional<std::uint16_t> port_of(const RulesetJson& value) {
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > 65535) return std::nullopt;
  return value.get<std::uint16_t>();
}

/// `public address . ports`.
bool read_public(const RulesetJson& data, MapEntry& entry) {
  const RulesetJson* const parts = member(&data, "concat");
  if (parts == nullptr || !parts->is_array() || parts->size() != 2) return false;
  const auto address = address_of(parts->front());
  const RulesetJson& ports = parts->back();
  const RulesetJson* const range = member(&ports, "range");
  if (range != nullptr && (!range->is_array() || range->size() != 2)) return false;
  const auto first = port_of(range != nullptr ? range->front() : ports);
  const auto last = port_of(range != nullptr ? range->back() : ports);
  if (!address || !first || !last || address->family != entry.family) return false;
  entry.public_address = address->address;
  entry.first_port = *first;
  entry.last_port = *last;
  return true;
}

std::optional<MapEntry> entry_of(const RulesetJson& element) {
  if (!element.is_array() || element.size() != 2) return std::nullopt;
  const RulesetJson* key = &element.front();
  if (const RulesetJson* const with_more = member(key, "elem")) {
    // One with a time is removed without a word.
    if (member(with_more, "timeout") != nullptr || member(with_more, "expires") != nullptr) {
      return std::nullopt;
    }
    key = member(with_more, "val");
  }
  const auto inside = key == nullptr ? std::nullopt : inside_of(*key);
  if (!inside) return std::nullopt;
  MapEntry entry;
  entry.inside = inside->address;
  entry.family = inside->family;
  if (!read_public(element.back(), entry)) return std::nullopt;
  return entry;
}

/// Of a map to addresses alone, which is no map of ports.
bool is_without_ports(const RulesetJson& element) {
  return element.is_array() && element.size() == 2 && address_of(element.back());
}

/// Where a rule uses a map.
struct MapUse {
  std::string name;
  Protocols protocols{kAnyProtocol};
  const RulesetJson* map = nullptr;       ///< the named one as it is declared, …
  const RulesetJson* elements = nullptr;  ///< … or what stands in the rule
};

class RulesetReader {
 public:
  explicit RulesetReader(const AskNft& ask) : ask_(ask) {}

  StaticMaps read(const std::vector<RulesetTable>& tables) {
    list(tables);
    for (const RulesetJson& part : parts_) {
      for (const RulesetJson& object : objects(part)) note(object);
    }
    for (const RulesetJson& part : parts_) {
      for (const RulesetJson& object : objects(part)) {
        if (const RulesetJson* const rule = member(&object, "rule")) read_rule(*rule);
      }
    }
    for (const auto& [name, uses] : uses_) read_named(name, uses);
    StaticMaps maps(std::move(maps_));
    for (std::string& why : left_out_) maps.leave_out(std::move(why));
    return maps;
  }

 private:
  using Name = std::array<std::string, 3>;  ///< family, table and name

  RulesetJson answer(const RulesetJson& object, bool elements) const {
    const RulesetJson command{{"nftables", RulesetJson::array({{{"list", object}}})}};
    const std::string text = ask_(command.dump(), elements);
    RulesetJson parsed = RulesetJson::parse(text, nullptr, false);
    if (member(&parsed, "nftables") == nullptr) {
      throw RulesetError("libnftables: expected a list of objects in JSON, got " +
                         text::quoted(text, 64));
    }
    return parsed;
  }

  /// The rules, and how maps are declared.
  void list(const std::vector<RulesetTable>& tables) {
    const auto flagged = [](const RulesetTable& table) { return table.flagged; };
    if (std::none_of(tables.begin(), tables.end(), flagged)) {
      parts_.push_back(answer({{"ruleset", nullptr}}, false));
      return;
    }
    for (const RulesetTable& table : tables) {
      if (table.dormant || table.family.empty()) continue;
      if (table.flagged) {
        list_chains(table);
      } else {
        const RulesetJson name{{"family", table.family}, {"name", table.name}};
        parts_.push_back(answer({{"table", name}}, false));
      }
    }
  }

  /// Those of one table, without the table itself.
  void list_chains(const RulesetTable& table) {
    parts_.push_back(answer({{"maps", nullptr}}, false));
    const RulesetJson chains = answer({{"chains", nullptr}}, false);
    for (const RulesetJson& object : objects(chains)) {
      const Name chain = name_of(member(&object, "chain"));
      if (chain[0] != table.family || chain[1] != table.name) continue;
      const RulesetJson name{{"family", chain[0]}, {"table", chain[1]}, {"name", chain[2]}};
      parts_.push_back(answer({{"chain", name}}, false));
    }
  }

  static const RulesetJson& objects(const RulesetJson& of) { return of.at("nftables"); }

  static Name name_of(const RulesetJson* object) {
    return {word(object, "family"), word(object, "table"), word(object, "name")};
  }

  void note(const RulesetJson& object) {
    if (const RulesetJson* const map = member(&object, "map")) named_[name_of(map)] = map;
  }

  void read_rule(const RulesetJson& rule) {
    const RulesetJson* const expressions = member(&rule, "expr");
    if (expressions == nullptr) return;
    std::optional<Protocols> protocols{Protocols{kAnyProtocol}};
    for (const RulesetJson& expression : *expressions) {
      const auto allowed = protocols_of(expression);
      protocols =
          allowed && protocols ? std::optional(narrowed(*protocols, *allowed)) : std::nullopt;
      const RulesetJson* const map = member(member(member(&expression, "snat"), "addr"), "map");
      if (map != nullptr) read_use(rule, *map, protocols);
    }
  }

  void read_use(const RulesetJson& rule, const RulesetJson& map,
                const std::optional<Protocols>& protocols) {
    const RulesetJson* const data = member(&map, "data");
    MapUse use;
    Name name;
    if (data != nullptr && data->is_string() && data->get<std::string>().starts_with('@')) {
      name = {word(&rule, "family"), word(&rule, "table"), data->get<std::string>().substr(1)};
      const auto found = named_.find(name);
      use.map = found == named_.end() ? nullptr : found->second;
      use.name = fmt::format("map {} {} {}", name[0], name[1], name[2]);
    } else {
      use.elements = member(data, "set");
      use.name = fmt::format("the map of a rule of {} {} {}", word(&rule, "family"),
                             word(&rule, "table"), word(&rule, "chain"));
    }
    const RulesetJson* const key = member(member(&map, "key"), "payload");
    if (word(key, "field") != "saddr") {
      return leave_out(use, "its key is not the source address alone");
    }
    if (!protocols) return leave_out(use, "the protocols of its rule are not listed");
    use.protocols = *protocols;
    if (use.map == nullptr) return take(use);
    // Many rules may use one map: it is read once.
    const auto same = [&](const MapUse& one) { return one.protocols == use.protocols; };
    std::vector<MapUse>& uses = uses_[name];
    if (std::none_of(uses.begin(), uses.end(), same)) uses.push_back(std::move(use));
  }

  void read_named(const Name& name, const std::vector<MapUse>& uses) {
    const RulesetJson* const declared = uses.front().map;
    const RulesetJson* const flags = member(declared, "flags");
    const std::string words = flags == nullptr ? std::string() : flags->dump();
    if (words.find("\"dynamic\"") != std::string::npos ||
        words.find("\"timeout\"") != std::string::npos || member(declared, "timeout") != nullptr) {
      return leave_out(uses.front(), "its entries come and go by themselves");
    }
    const RulesetJson whole =
        answer({{"map", {{"family", name[0]}, {"table", name[1]}, {"name", name[2]}}}}, true);
    const RulesetJson* elements = nullptr;
    for (const RulesetJson& object : objects(whole)) {
      if (const RulesetJson* const map = member(&object, "map")) elements = member(map, "elem");
    }
    if (elements == nullptr) return;  // it is empty
    for (MapUse use : uses) {
      use.elements = elements;
      take(use);
    }
  }

  void take(const MapUse& use) {
    if (use.elements == nullptr || !use.elements->is_array()) {
      return leave_out(use, "it is not listed");
    }
    UsedMap read{use.name, {}};
    read.entries.reserve(use.elements->size() * use.protocols.size());
    for (const RulesetJson& element : *use.elements) {
      if (is_without_ports(element)) return;
      auto entry = entry_of(element);
      if (!entry) {
        return leave_out(use,
                         "expected one inside address with one public address and its ports, "
                         "got " +
                             text::quoted(element.dump(), 80));
      }
      for (const std::int16_t protocol : use.protocols) {
        entry->protocol = protocol;
        read.entries.push_back(*entry);
      }
    }
    maps_.push_back(std::move(read));
  }

  void leave_out(const MapUse& use, const std::string& why) {
    std::string text = fmt::format("{} is not static: {}", use.name, why);
    const bool said = std::find(left_out_.begin(), left_out_.end(), text) != left_out_.end();
    if (!said) left_out_.push_back(std::move(text));
  }

  const AskNft& ask_;
  std::deque<RulesetJson> parts_;  ///< answers; what follows points into them
  std::map<Name, const RulesetJson*> named_;
  std::map<Name, std::vector<MapUse>> uses_;  ///< of named maps
  std::vector<UsedMap> maps_;
  std::vector<std::string> left_out_;
};

}  // namespace

StaticMaps read_static_maps(const AskNft& ask, const std::vector<RulesetTable>& tables) {
  try {
    return RulesetReader(ask).read(tables);
  } catch (const nlohmann::json::exception& error) {
    throw RulesetError(std::string("libnftables: its JSON is not as expected: ") + error.what());
  }
}

}  // namespace ctflow::nat
