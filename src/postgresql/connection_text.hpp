// SPDX-License-Identifier: GPL-2.0-or-later
// The setting postgresql.connection: key words and values of libpq, or its URI.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ctflow::postgresql {

/// Key words of libpq with their values, without those that are not given.
using Parameters = std::vector<std::pair<std::string, std::string>>;

/// Nothing: it is none.
std::optional<Parameters> parse_connection(const std::string& connection);

/// The value of a key word; empty: not given.
std::string value_of(const Parameters& parameters, const std::string& key);

/// What is wrong with it, without any part of it that may be a secret. Nothing: it can be used.
std::optional<std::string> fault_of_connection(const std::string& connection);

/// The host name that has to be looked up. Empty: there is none.
std::string name_to_look_up(const Parameters& parameters);

/// Where it leads to, for people.
std::string place_of(const Parameters& parameters);

/// Why no connection can be made from here and now; waits for up to 3 s, and for the name service.
/// Nothing: it can.
std::optional<std::string> try_connection(const std::string& connection);

}  // namespace ctflow::postgresql
