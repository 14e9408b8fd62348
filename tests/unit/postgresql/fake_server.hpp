// SPDX-License-Identifier: GPL-2.0-or-later
// A database of rows and a connection to it that can fail at any place.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "postgresql/server.hpp"

namespace ctflow::test {

/// What the server keeps, whatever becomes of connections.
struct FakeDatabase {
  bool tables = false;
  char kind = 'p';
  std::map<std::string, std::uint64_t> committed;  ///< of each writer
  std::vector<std::string> rows;
  std::set<std::string> partitions;  ///< 20231114
  std::vector<std::string> old;      ///< the answer to which are to be removed
  std::string refused;               ///< no row may have this text
  std::string dropped;               ///< a trigger stores no row that has this text
  std::vector<std::string> missing;  ///< columns: as long as there are any, so are the tables
  std::string refusal;               ///< SQLSTATE of the answer to the beginning of any batch
};

/// What happens to one command.
enum class Fault {
  kNone,
  kLost,      ///< the connection breaks before the server has it
  kAnswer,    ///< the server does it, but the answer is lost
  kShutdown,  ///< the answer is an error that blames no row
};

class FakeServer : public postgresql::Server {
 public:
  using Faults = std::function<Fault(const std::string& command)>;

  FakeServer(FakeDatabase& database, std::vector<std::string>& said)
      : database_(database), said_(said) {}

  void set_faults(Faults faults) { faults_ = std::move(faults); }

  void connect(postgresql::ServerUser& user) override {
    user_ = &user;
    pending_ = "CONNECT";
  }
  void query(const std::string& statements) override { pending_ = statements; }
  void copy(const std::string& statement, std::vector<std::string_view> data) override {
    pending_ = statement;
    for (const std::string_view piece : data) data_ += piece;
  }
  void close() override {
    pending_.reset();
    transaction_.reset();
    data_.clear();
  }
  void alarm_at(MonoTime when, postgresql::ServerUser& user) override {
    alarm_ = when;
    user_ = &user;
  }
  [[nodiscard]] std::string peer() const override { return "192.0.2.5:5432"; }

  [[nodiscard]] MonoTime alarm() const { return alarm_; }
  void ring() { user_->on_alarm(); }

  /// Carries out one command. False: there is none.
  bool turn() {
    if (!pending_) return false;
    const std::string command = *std::exchange(pending_, std::nullopt);
    said_.push_back(command);
    const Fault fault = faults_ ? faults_(command) : Fault::kNone;
    if (fault == Fault::kLost) return fail();
    if (command == "CONNECT") {
      if (fault != Fault::kNone) return fail();
      user_->on_connected();
      return true;
    }
    if (fault == Fault::kShutdown) {
      transaction_.reset();
      user_->on_answer({false, "", {}, "57P01", "terminating connection"});
      return true;
    }
    const postgresql::Answer answer = carry_out(command);
    if (fault == Fault::kAnswer) return fail();
    user_->on_answer(answer);
    return true;
  }

  /// All commands that are asked for.
  void run() {
    for (int left = 100'000; left > 0 && turn(); --left) continue;
  }

 private:
  struct Transaction {
    std::string writer;
    std::uint64_t batch = 0;
    std::vector<std::string> rows;
    bool failed = false;
  };

  bool fail() {
    close();
    user_->on_broken(FailureKind::kBroken, "connection reset");
    return true;
  }

  static std::string between(const std::string& text, const std::string& before, char end) {
    const std::size_t at = text.find(before);
    if (at == std::string::npos) return "";
    const std::size_t from = at + before.size();
    return text.substr(from, text.find(end, from) - from);
  }

  postgresql::Answer carry_out(const std::string& command) {
    if (command == "COMMIT") return commit();
    if (command == "ROLLBACK") {
      transaction_.reset();
      return {true, "ROLLBACK", {}, "", ""};
    }
    if (command.starts_with("COPY ")) return take_rows();
    if (command.find("SELECT relkind") != std::string::npos) {
      postgresql::Answer answer{true, "SELECT", {}, "", ""};
      if (database_.tables && database_.missing.empty())
        answer.rows.emplace_back(1, database_.kind);
      return answer;
    }
    if (command.find("SELECT wanted") != std::string::npos) {
      return {true, "SELECT", database_.missing, "", ""};
    }
    if (command.find("CREATE VIEW") != std::string::npos ||
        command.find("OR REPLACE VIEW") != std::string::npos) {
      database_.tables = true;
      return {true, "COMMIT", {}, "", ""};
    }
    if (command.find("ATTACH PARTITION") != std::string::npos) return attach(command);
    if (command.find("pg_inherits") != std::string::npos) {
      return {true, "SELECT", database_.old, "", ""};
    }
    if (command.find("DROP TABLE") != std::string::npos) return drop(command);
    return begin(command);
  }

  postgresql::Answer attach(const std::string& command) {
    const std::string mark = "CREATE TABLE \"connections_";
    for (std::size_t at = command.find(mark); at != std::string::npos;
         at = command.find(mark, at + 1)) {
      database_.partitions.insert(command.substr(at + mark.size(), 8));
    }
    return {true, "COMMIT", {}, "", ""};
  }

  postgresql::Answer drop(const std::string& command) {
    const std::string name = between(command, "DROP TABLE \"", '"');
    if (locked_) return {false, "", {}, "55P03", "canceling statement due to lock timeout"};
    std::erase(database_.old, name);
    return {true, "COMMIT", {}, "", ""};
  }

  postgresql::Answer begin(const std::string& command) {
    if (!database_.refusal.empty()) return {false, "", {}, database_.refusal, "it cannot"};
    transaction_ = Transaction{};
    const std::string values = between(command, "VALUES ('", ')');
    transaction_->writer = values.substr(0, values.find('\''));
    transaction_->batch = std::stoull(values.substr(values.find(", ") + 2));
    const bool known = database_.committed[transaction_->writer] >= transaction_->batch;
    return {true, known ? "INSERT 0 0" : "INSERT 0 1", {}, "", ""};
  }

  postgresql::Answer take_rows() {
    std::string data = std::exchange(data_, "");
    std::size_t stored = 0;
    for (std::size_t end = 0; (end = data.find('\n')) != std::string::npos;
         data.erase(0, end + 1)) {
      const std::string row = data.substr(0, end);
      std::string day = row.substr(0, 10);
      std::erase(day, '-');
      const bool bad = !database_.refused.empty() && row.find(database_.refused) != row.npos;
      if (bad || (database_.kind == 'p' && !database_.partitions.contains(day))) {
        transaction_->failed = true;
        return {false, "", {}, bad ? "22003" : "23514", "row refused"};
      }
      if (!database_.dropped.empty() && row.find(database_.dropped) != row.npos) continue;
      transaction_->rows.push_back(row);
      ++stored;
    }
    return {true, "COPY " + std::to_string(stored), {}, "", ""};
  }

  postgresql::Answer commit() {
    if (!transaction_ || transaction_->failed) return {true, "ROLLBACK", {}, "", ""};
    database_.committed[transaction_->writer] = transaction_->batch;
    database_.rows.insert(database_.rows.end(), transaction_->rows.begin(),
                          transaction_->rows.end());
    transaction_.reset();
    return {true, "COMMIT", {}, "", ""};
  }

 public:
  bool locked_ = false;  ///< partitions cannot be removed

 private:
  FakeDatabase& database_;
  std::vector<std::string>& said_;
  Faults faults_;
  postgresql::ServerUser* user_ = nullptr;
  std::optional<std::string> pending_;
  std::string data_;
  std::optional<Transaction> transaction_;
  MonoTime alarm_{};
};

}  // namespace ctflow::test
