// SPDX-License-Identifier: GPL-2.0-or-later
#include "postgresql/row_queue.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "postgresql/columns.hpp"

namespace ctflow::postgresql {
namespace {

std::size_t size_of(const std::vector<Rows>& batch) {
  std::size_t octets = 0;
  for (const Rows& rows : batch) octets += rows.text.size();
  return octets;
}

MessageContent content_of(std::string_view text) {
  MessageContent content;
  while (!text.empty()) {
    const std::size_t length = std::min(text.find('\n') + 1, text.size());
    const ExportAmount amount = amount_of_row(text.substr(0, length));
    ++content.flows;
    ++content.data_records;
    content.packets += amount.packets;
    content.octets += amount.octets;
    text.remove_prefix(length);
  }
  return content;
}

/// Behind about half of the rows.
std::size_t middle_of(const std::string& text) {
  const std::size_t end = text.find('\n', text.size() / 2) + 1;
  return end < text.size() ? end : text.rfind('\n', text.size() - 2) + 1;
}

}  // namespace

bool RowQueue::add(Rows& rows) {
  if (octets_ + rows.text.size() > limit_) return false;
  octets_ += rows.text.size();
  waiting_.push_back(std::exchange(rows, {}));
  return true;
}

const std::vector<Rows>* RowQueue::batch() {
  if (!batch_.empty()) return &batch_;
  if (waiting_.empty()) return nullptr;
  ++number_;
  const bool alone = alone_ > 0;
  if (alone) --alone_;
  std::size_t octets = 0;
  do {
    octets += waiting_.front().text.size();
    batch_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  } while (!alone && !waiting_.empty() && octets + waiting_.front().text.size() <= kBatch);
  return &batch_;
}

std::vector<Rows> RowQueue::written() {
  octets_ -= size_of(batch_);
  return std::exchange(batch_, {});
}

std::optional<Rows> RowQueue::refused(std::size_t* added) {
  *added = 0;
  if (batch_.size() > 1) {
    alone_ += batch_.size();
    waiting_.insert(waiting_.begin(), std::make_move_iterator(batch_.begin()),
                    std::make_move_iterator(batch_.end()));
    batch_.clear();
    return std::nullopt;
  }
  if (batch_.front().content.flows == 1) return std::move(written().front());
  Rows first = std::move(batch_.front());
  batch_.clear();
  Rows second{first.text.substr(middle_of(first.text)), {}, first.days, first.since};
  first.text.resize(first.text.size() - second.text.size());
  first.content = content_of(first.text);
  second.content = content_of(second.text);
  waiting_.push_front(std::move(second));
  waiting_.push_front(std::move(first));
  alone_ += 2;
  *added = 1;
  return std::nullopt;
}

std::optional<TimePoint> RowQueue::oldest() const {
  if (!batch_.empty()) return batch_.front().since;
  if (!waiting_.empty()) return waiting_.front().since;
  return std::nullopt;
}

}  // namespace ctflow::postgresql
