// SPDX-License-Identifier: GPL-2.0-or-later
// A configuration file or text -> Config.
#include "ctflow/config.hpp"

#include "config/file_contents.hpp"
#include "config/settings.hpp"
#include "config/source_text.hpp"
#include "config/yaml_reader.hpp"

namespace ctflow {

Config load_config(const std::string& file_name) {
  return parse_config(config::file_contents(file_name), file_name);
}

Config parse_config(const std::string& text, const std::string& name) {
  const config::SourceText source(text, name);
  const config::YamlNode root = config::read_yaml(source);
  Config result;
  config::read_section({source, ""}, root, config::settings(), result);
  return result;
}

}  // namespace ctflow
