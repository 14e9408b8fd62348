// SPDX-License-Identifier: GPL-2.0-or-later
// What a configuration hears that asks for a part which this program was built without.
#pragma once

namespace ctflow::config {

inline constexpr const char* kWithoutKafka =
    "this ctflowd was built without Kafka: install the package of Debian, which has it, or build "
    "with "
    "librdkafka-dev and -DCTFLOWD_KAFKA=ON";
inline constexpr const char* kWithoutMaxmind =
    "this ctflowd was built without libmaxminddb: install the package of Debian, which has it, or "
    "build with libmaxminddb-dev and -DCTFLOWD_MAXMIND=ON";
inline constexpr const char* kWithoutNftables =
    "this ctflowd was built without libnftables: install the package of Debian, which has it, or "
    "build with libnftables-dev and -DCTFLOWD_NFTABLES=ON";
inline constexpr const char* kWithoutSqlite =
    "this ctflowd was built without SQLite: install the package of Debian, which has it, or build "
    "with "
    "libsqlite3-dev and -DCTFLOWD_SQLITE=ON";
inline constexpr const char* kWithoutPostgresql =
    "this ctflowd was built without PostgreSQL: install the package of Debian, which has it, or "
    "build with "
    "libpq-dev and -DCTFLOWD_POSTGRESQL=ON";
inline constexpr const char* kWithoutStatus =
    "this ctflowd was built without its status: install the package of Debian, which has it, or "
    "build with prometheus-cpp-dev and -DCTFLOWD_STATUS=ON";
inline constexpr const char* kWithoutTls =
    "this ctflowd was built without TLS: install the package of Debian, which has it, or build "
    "with "
    "libssl-dev and -DCTFLOWD_TLS=ON";

}  // namespace ctflow::config
