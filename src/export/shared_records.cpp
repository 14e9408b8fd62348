// SPDX-License-Identifier: GPL-2.0-or-later
#include "export/shared_records.hpp"

#include <algorithm>
#include <utility>

#include "export/unknown_interfaces.hpp"

namespace ctflow {

SharedRecords::SharedRecords(std::vector<Exporter*> collectors)
    : collectors_(std::move(collectors)),
      records_(collectors_.front()->record_format()),
      fills_unknown_interfaces_(collectors_.front()->fills_unknown_interfaces()) {}

std::vector<SharedRecords> SharedRecords::take_from(std::vector<Output*>& outputs) {
  std::vector<std::vector<Exporter*>> alike;
  for (Output* output : outputs) {
    Exporter* const exporter = output->as_collector();
    if (exporter == nullptr || !exporter->can_share_records()) continue;
    const auto known = std::find_if(alike.begin(), alike.end(), [&](const auto& others) {
      return others.front()->has_records_of(*exporter);
    });
    if (known == alike.end()) {
      alike.push_back({exporter});
    } else {
      known->push_back(exporter);
    }
  }
  std::vector<SharedRecords> shared;
  for (std::vector<Exporter*>& collectors : alike) {
    if (collectors.size() < 2) continue;  // alone it writes into its message at once
    for (const Exporter* one : collectors) {
      outputs.erase(std::find(outputs.begin(), outputs.end(), one));
    }
    shared.emplace_back(std::move(collectors));
  }
  return shared;
}

void SharedRecords::add(const Flow& flow) {
  if (fills_unknown_interfaces_ && lacks_interfaces(flow)) {
    gather(with_interfaces(flow));
  } else {
    gather(flow);
  }
}

void SharedRecords::gather(const Flow& flow) {
  if (records_.add(flow)) return;
  hand_out();
  static_cast<void>(records_.add(flow));  // cannot fail: it is empty
}

void SharedRecords::hand_out() {
  if (records_.empty()) return;
  for (Exporter* collector : collectors_) collector->offer_encoded(records_);
  records_.clear();
}

}  // namespace ctflow
