// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/served_status.hpp"

#include <utility>

#include "observe/status_server.hpp"
#include "page/render.hpp"
#include "page/status_page.hpp"

namespace ctflow {
namespace {

class Served final : public ServedStatus {
 public:
  Served(boost::asio::io_context& io, const StatusConfig& config, StatusQuestions questions)
      : questions_(std::move(questions)),
        server_(io, config, questions_.status, questions_.usage, views(config)) {}

 private:
  std::vector<ServedView> views(const StatusConfig& config) {
    if (!config.page || config.listen.empty()) return {};
    constexpr std::chrono::seconds kAge{1};
    page_ = std::make_unique<page::StatusPage>(page::StatusPage::Questions{
        questions_.accounting, [this] { return questions_.usage(std::nullopt); }});
    return {{"/", "text/html; charset=utf-8",
             [this](const Status& status) { return page_->make(status); }, page::page_headers(),
             kAge}};
  }

  StatusQuestions questions_;
  std::unique_ptr<page::StatusPage> page_;  ///< null: there is none
  StatusServer server_;                     ///< the last member: it uses the others
};

}  // namespace

std::unique_ptr<ServedStatus> serve_status(boost::asio::io_context& io, const StatusConfig& config,
                                           StatusQuestions questions) {
  return std::make_unique<Served>(io, config, std::move(questions));
}

}  // namespace ctflow
