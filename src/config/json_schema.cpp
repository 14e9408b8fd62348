// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/json_schema.hpp"

#include <nlohmann/json.hpp>

namespace ctflow::config {
namespace {

using Json = nlohmann::ordered_json;

}  // namespace

std::string integer_schema(std::uint64_t min, std::uint64_t max) {
  return any_of_schema(Json{{"type", "integer"}, {"minimum", min}, {"maximum", max}}.dump(),
                       text_schema("[0-9]+"));
}

std::string text_schema(const std::string& pattern) {
  return Json{{"type", "string"}, {"pattern", "^(" + pattern + ")$"}}.dump();
}

std::string words_schema(const std::vector<std::string>& words) {
  return Json{{"enum", words}}.dump();
}

std::string any_of_schema(const std::string& one, const std::string& other) {
  return Json{{"anyOf", {Json::parse(one), Json::parse(other)}}}.dump();
}

std::string described_schema(const std::string& schema, const std::string& expected) {
  Json described{{"description", expected}};
  if (schema.empty()) {
    described["type"] = {"string", "number", "boolean"};
  } else {
    described.update(Json::parse(schema));
  }
  return described.dump();
}

std::string list_schema(const std::string& item, bool unique) {
  Json list{{"type", "array"}, {"minItems", 1}, {"items", Json::parse(item)}};
  if (unique) list["uniqueItems"] = true;
  return list.dump();
}

std::string texts_schema(const std::string& expected) {
  const Json text{{"type", {"string", "number", "boolean"}}};
  return Json{{"description", expected}, {"type", "object"}, {"additionalProperties", text}}.dump();
}

std::string mapping_schema(const std::vector<PropertySchema>& properties) {
  Json mapping{{"type", "object"}, {"additionalProperties", false}};
  Json required = Json::array();
  Json& all = mapping["properties"] = Json::object();
  for (const PropertySchema& one : properties) {
    all[one.key] = Json::parse(one.schema);
    if (one.required) required.push_back(one.key);
  }
  if (!required.empty()) mapping["required"] = required;
  return mapping.dump();
}

}  // namespace ctflow::config
