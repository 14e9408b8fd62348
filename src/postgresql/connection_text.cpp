// SPDX-License-Identifier: GPL-2.0-or-later
#include "postgresql/connection_text.hpp"

#include <libpq-fe.h>

#include <array>
#include <boost/asio/ip/address.hpp>
#include <memory>

#include "postgresql/message_text.hpp"

namespace ctflow::postgresql {

std::optional<Parameters> parse_connection(const std::string& connection) {
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
      PQconninfoParse(connection.c_str(), nullptr), PQconninfoFree);
  if (!options) return std::nullopt;
  Parameters found;
  for (const PQconninfoOption* one = options.get(); one->keyword != nullptr; ++one) {
    if (one->val != nullptr && *one->val != '\0') found.emplace_back(one->keyword, one->val);
  }
  return found;
}

std::string value_of(const Parameters& parameters, const std::string& key) {
  for (const auto& [name, value] : parameters) {
    if (name == key) return value;
  }
  return "";
}

std::optional<std::string> fault_of_connection(const std::string& connection) {
  const std::optional<Parameters> parameters = parse_connection(connection);
  if (!parameters) {
    return "expected key words and values of libpq, such as host=db.example.net dbname=flows "
           "user=ctflowd";
  }
  constexpr std::array kSecrets{"password", "sslpassword", "scram_client_key", "scram_server_key",
                                "oauth_client_secret"};
  for (const char* const secret : kSecrets) {
    if (value_of(*parameters, secret).empty()) continue;
    return std::string("expected no ") + secret +
           ": all who read this file would know it; put it into a file that only the user of "
           "ctflowd can read, and name that with passfile=";
  }
  if (!value_of(*parameters, "service").empty()) {
    return "expected no service: give what it stands for";
  }
  const std::string hosts = value_of(*parameters, "host") + value_of(*parameters, "hostaddr");
  if (hosts.find(',') != std::string::npos) return "expected one host, got several";
  return std::nullopt;
}

std::string name_to_look_up(const Parameters& parameters) {
  const std::string host = value_of(parameters, "host");
  if (host.empty() || host.front() == '/' || host.front() == '@') return "";
  if (!value_of(parameters, "hostaddr").empty()) return "";
  boost::system::error_code error;
  (void)boost::asio::ip::make_address(host, error);
  return error ? host : "";
}

std::string place_of(const Parameters& parameters) {
  const std::string address = value_of(parameters, "hostaddr");
  std::string host = address.empty() ? value_of(parameters, "host") : address;
  if (host.empty()) return "local socket";
  if (host.front() == '/' || host.front() == '@') return host;
  const std::string port = value_of(parameters, "port");
  const bool brackets = host.find(':') != std::string::npos;
  return (brackets ? "[" + host + "]" : host) + ":" + (port.empty() ? "5432" : port);
}

std::optional<std::string> try_connection(const std::string& connection) {
  const std::array keys{"dbname", "connect_timeout", "gssencmode", "fallback_application_name",
                        static_cast<const char*>(nullptr)};
  const std::array values{connection.c_str(), "3", "disable", "ctflowd doctor",
                          static_cast<const char*>(nullptr)};
  const std::unique_ptr<PGconn, decltype(&PQfinish)> made(
      PQconnectdbParams(keys.data(), values.data(), 1), PQfinish);
  if (PQstatus(made.get()) == CONNECTION_OK) return std::nullopt;
  return message_text(PQerrorMessage(made.get()));
}

}  // namespace ctflow::postgresql
