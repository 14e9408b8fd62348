// SPDX-License-Identifier: GPL-2.0-or-later
// Settings of a log as librdkafka has them.
#pragma once

#include <memory>

struct rd_kafka_conf_s;

namespace ctflow {

struct ConnectionLogConfig;

namespace kafka {

struct DestroyProperties {
  void operator()(rd_kafka_conf_s* properties) const;
};
using OwnedProperties = std::unique_ptr<rd_kafka_conf_s, DestroyProperties>;

/// With the log's own settings over ctflowd's defaults, and over both what ctflowd decides; without
/// brokers. Throws std::runtime_error where librdkafka refuses one.
OwnedProperties configure(const ConnectionLogConfig& config);

/// Throws std::runtime_error when librdkafka refuses it.
void set(rd_kafka_conf_s* properties, const char* name, const char* value);

/// Its brokers as one property.
void set_brokers(rd_kafka_conf_s* properties, const ConnectionLogConfig& config);

}  // namespace kafka
}  // namespace ctflow
