// SPDX-License-Identifier: BSD-2-Clause
#include "process/page_service.h"

#include "http/engine_reasons.h"
#include "net/event_loop.h"

namespace process {
namespace {

constexpr std::size_t body_limit = 64 * 1024;

class PageExchange final : public http::Exchange {
 public:
  PageExchange(net::EventLoop& loop, net::TaskOwner& owner, http::Stream stream) : Exchange(loop, owner, std::move(stream)) {
    stream_.body->set_limit(body_limit);
    stream_.body->start();
    ring();
  }
  ~PageExchange() override {
    if (page_.later) page_.later->on_done({});
  }

 protected:
  Step run() override {
    switch (state_) {
      case State::body:
        if (stream_.sink->gone()) return finish(http::reasons::client_left);
        if (stream_.body->state() == http::RequestBody::State::failed) return fail();
        stream_.body->pull(body_, SIZE_MAX);
        if (stream_.body->state() != http::RequestBody::State::complete) return Step::wait;
        page_ = make();
        state_ = State::waiting;
        if (page_.later) {
          page_.later->on_done([this] { ring(); });
          set_deadline_after(page_.later->limit());
        }
        [[fallthrough]];
      case State::waiting:
        if (stream_.sink->gone()) return finish(http::reasons::client_left);
        if (page_.later && !page_.later->done()) {
          if (!deadline_passed()) return Step::wait;
          page_.later->give_up();
        }
        if (page_.later) answer(page_.render(page_.later->answer()));
        else answer(std::move(page_));
        state_ = State::answered;
        [[fallthrough]];
      case State::answered: return finish(http::reasons::finished);
    }
    return Step::closed;
  }

 private:
  enum class State : std::uint8_t { body, waiting, answered };

  Step finish(const base::ReasonRow& row) {
    record_end({&row});
    return Step::closed;
  }
  Step fail() {
    const base::Error& error = stream_.body->error();
    answer({error.reason.row && error.reason.row->status ? error.reason.row->status : 400, "text/plain", error.reason.text() + "\n", {}});
    stream_.sink->close_after();
    record_end(error.reason);
    return Step::closed;
  }
  Page make() {
    const auto* handler = static_cast<const PageHandler*>(stream_.connection->listener->owner);
    const http::RequestHead& head = stream_.head;
    return (*handler)({head.method(), std::string(head.path()), std::string(head.query()), body_.text()});
  }
  void answer(Page page) {
    http::ResponseHead head(page.status);
    head.add(http::Token::content_type, page.type);
    head.add(http::Token::cache_control, "no-store");
    for (const auto& [name, value] : page.headers) head.add(name, value);
    stream_.sink->head(std::move(head), page.body.size());
    if (stream_.head.method() != http::Method::head) stream_.sink->copy(page.body);
    stream_.sink->end();
  }

  State state_ = State::body;
  net::Buffer body_;
  Page page_;
};

}  // namespace

std::unique_ptr<http::Exchange> PageService::open(net::TaskOwner& owner, http::Stream stream) {
  return std::make_unique<PageExchange>(loop_, owner, std::move(stream));
}

}  // namespace process
