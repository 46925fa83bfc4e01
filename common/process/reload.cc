// SPDX-License-Identifier: BSD-2-Clause
#include "process/reload.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/bytes.h"
#include "config/loader.h"
#include "process/life.h"

namespace process {

using observe::Level;

namespace {

// A log line has one line.
std::string one_line(std::string_view text) {
  std::string out;
  base::split(text, '\n', [&](std::string_view line) {
    if (line.empty()) return;
    if (!out.empty()) out += out.ends_with(':') ? " " : "; ";
    out += line;
  });
  return out;
}

}  // namespace

Reload::Reload(Life& life, bool dry_run) : life_(life), dry_run_(dry_run) {}

Reload::~Reload() {
  if (logs_ && !next_) life_.logs_.throw_away(*logs_);
}

bool Reload::stage() {
  if (!read()) return false;
  compare();
  if (!open()) return false;
  if (!dry_run_) return true;
  result_ = {true, describe("dry run, nothing was applied:"), describe_json()};
  return false;
}

void Reload::refuse(const std::string& why) {
  result_ = {false, why + (why.ends_with('\n') ? "" : "\n") + "the configuration was not changed\n", {}};
  result_.json = fmt::format("{{\"applied\": false, \"problems\": {}}}", json_string(why));
}

bool Reload::read() {
  config::Context context;
  context.set_files(life_.access().files());
  next_daemon_ = life_.start_.make();
  next_daemon_->succeed(life_.daemon_);
  config::load_files(context, life_.start_.configurations);
  const bool well = !context.syntax_failed() && next_daemon_->read(context) && !context.failed();
  warnings_ = context.render_all();
  if (!well) refuse(warnings_);
  return well;
}

void Reload::compare() {
  const config::Node after = next_daemon_->effective_tree();
  difference_ = config::difference(life_.daemon_.table(), life_.daemon_.effective_tree(), after);
}

bool Reload::open() {
  specs_ = next_daemon_->listeners();
  const auto opened = [this](auto& into, auto made) {
    if (!made) refuse(made.error());
    else into = std::move(*made);
    return into.has_value();
  };
  if (!opened(logs_, life_.logs_.plan(next_daemon_->log_options())) || !opened(listeners_, life_.listeners_.plan(specs_)) ||
      !opened(pages_, life_.pages_.plan(life_.control_specs(*next_daemon_))))
    return false;
  auto prepared = life_.daemon_.prepare(*next_daemon_, &life_.generations_.current());
  if (!prepared) {
    refuse(prepared.error().reason.text());
    return false;
  }
  staged_ = std::move(*prepared);
  return true;
}

void Reload::commit(std::function<void()> done) {
  done_ = std::move(done);
  before_ = &life_.generations_.current();
  next_ = &life_.generations_.add(std::move(staged_));
  next_->access_log = logs_->access;
  life_.listeners_.take(*listeners_, specs_, *next_, before_);
  for (const auto& open : listeners_->removed) {
    removed_.push_back(open->id);
    // Its connections may still ask. A holder of its own for each: several listeners may have one view.
    life_.bury(std::make_shared<std::shared_ptr<const void>>(before_->views[open->id]), [left = std::weak_ptr(open)] { return !left.expired(); }, {});
  }
  specs_.clear();
  life_.daemon_.commit(*next_daemon_, *next_);
  next_daemon_.reset();
  life_.logs_.take(*logs_);
  life_.pages_.take(std::move(*pages_), life_.control_specs(life_.daemon_));
  const http::ServerOptions options = life_.daemon_.server_options();
  life_.budget_.set_limit(options.buffers);
  adoption_ = std::make_shared<const Adoption>(Adoption{next_, options, life_.listeners_.settings()});
  life_.workers_.tell([adoption = adoption_](WorkerFrame& frame) { frame.adopt(*adoption); }, [this] { adopted(); });
}

// Every worker serves by the new generation and knows the new listeners.
void Reload::adopted() {
  life_.workers_.tell(
      [removed = removed_](WorkerFrame& frame) {
        frame.accept_added();
        frame.remove(removed);
      },
      [this] { settle(); });
}

void Reload::settle() {
  life_.daemon_.settled(*next_, *before_);
  life_.logs_.close_unused();
  if (life_.generations_.released(*before_)) life_.graveyard_->look();
  settling_ = true;
  look();
}

void Reload::look() {
  if (!settling_) return;
  for (const std::uint32_t id : removed_)
    if (life_.listeners_.leaving(id)) return;
  settling_ = false;
  result_ = {true, describe(fmt::format("serves by the new configuration (generation {}):", next_->number).c_str()), describe_json()};
  std::exchange(done_, {})();
}

std::string Reload::describe(const char* first) const {
  std::string out = std::string(first) + "\n" + config::difference_text(difference_);
  out += fmt::format("listeners: {} kept, {} added, {} removed\n", listeners_->kept.size(), listeners_->added.size(), listeners_->removed.size());
  for (const auto& open : listeners_->added)
    if (open->listener) out += fmt::format("listens on {} ({})\n", open->key, open->listener->address().text());
  for (const auto& open : listeners_->removed) out += fmt::format("no longer listens on {}\n", open->key);
  return out + warnings_;
}

std::string Reload::describe_json() const {
  static constexpr const char* kinds[] = {"added", "removed", "changed", "order"};
  static constexpr const char* needs[] = {"live", "rebuild", "restart"};
  std::string changes;
  for (const config::Change& change : difference_.changes)
    changes += fmt::format("{}{{\"change\": \"{}\", \"key\": {}, \"before\": {}, \"after\": {}, \"needs\": \"{}\"}}", changes.empty() ? "" : ", ",
                           kinds[static_cast<std::size_t>(change.kind)], json_string(change.key), json_string(change.before), json_string(change.after),
                           needs[static_cast<std::size_t>(change.reload)]);
  std::string kept;
  for (const auto& [kind, count] : difference_.kept) kept += fmt::format("{}{}: {}", kept.empty() ? "" : ", ", json_string(kind), count);
  return fmt::format("{{\"applied\": {}, \"generation\": {}, \"changes\": [{}], \"kept\": {{{}}}, \"listeners\": {{\"kept\": {}, \"added\": {}, \"removed\": {}}}, "
                     "\"restart\": {}, \"warnings\": {}}}",
                     dry_run_ ? "false" : "true", dry_run_ ? life_.generations_.current().number : next_->number, changes, kept, listeners_->kept.size(),
                     listeners_->added.size(), listeners_->removed.size(), difference_.needs_restart() ? "true" : "false", json_string(warnings_));
}

// --- Life's part ---

void Life::reload(bool dry_run, ReloadDone done) {
  reloads_.push_back({dry_run, std::move(done)});
  next_reload();
}

void Life::next_reload() {
  while (!reload_ && !reloads_.empty() && (!upgrade_ || upgrade_->served())) {
    Wanted wanted = std::move(reloads_.front());
    reloads_.pop_front();
    if (draining()) {
      const std::string why = upgrade_ && upgrade_->served() ? "another process serves: tell that one" : "the process is ending";
      wanted.done({false, why + "\n", "{\"applied\": false, \"problems\": \"" + why + "\"}"});
      continue;
    }
    if (!wanted.dry_run) notifier_.reloading("reads its configuration");
    reload_ = std::make_unique<Reload>(*this, wanted.dry_run);
    if (reload_->stage()) {
      // Not destroyed while it calls.
      reload_->commit([this, done = std::move(wanted.done)] { control_.post([this, done] { reloaded(done); }); });
      continue;
    }
    const std::unique_ptr<Reload> over = std::move(reload_);
    if (!wanted.dry_run) {
      ++reload_counts_.refused;
      error_log().write(Level::error, "reload refused: " + one_line(over->result().text));
      notifier_.ready("serves by the configuration of before; the last reload was refused");
    }
    wanted.done(over->result());
  }
}

void Life::reloaded(const ReloadDone& done) {
  const std::unique_ptr<Reload> over = std::move(reload_);
  ++reload_counts_.well;
  error_log().write(Level::notice, "reload: " + one_line(over->result().text));
  tell_ready();
  if (!write_ready()) error_log().write(Level::error, "cannot write " + start_.ready_file);
  done(over->result());
  next_upgrade();
  next_reload();
}

void Life::accepter_gone(std::uint32_t listener) {
  if (!listeners_.accepter_gone(listener)) return;
  workers_.tell([listener](WorkerFrame& frame) { frame.forget(listener); },
                [this, listener] {
                  listeners_.close(listener);
                  if (reload_) reload_->look();
                });
}

void Life::exhume(const void* state) { graveyard_->exhume(state); }

void Life::bury(std::shared_ptr<void> state, std::function<bool()> in_use, std::function<void()> last) {
  graveyard_->bury(std::move(state), std::move(in_use), std::move(last));
}

void Life::replace_tls(const net::TlsContext* old, std::shared_ptr<net::TlsContext> fresh) {
  if (!listeners_.replace_tls(old, fresh)) return;
  auto adoption = std::make_shared<const Adoption>(Adoption{&generations_.current(), daemon_.server_options(), listeners_.settings()});
  workers_.tell([adoption](WorkerFrame& frame) { frame.adopt(*adoption); });
}

}  // namespace process
