// SPDX-License-Identifier: BSD-2-Clause
#include "process/run_daemon.h"

#include <event2/event.h>
#include <nghttp2/nghttp2.h>
#include <openssl/crypto.h>

#include <cstdio>
#include <fstream>
#include <optional>

#include "base/bytes.h"
#include "config/reference.h"
#include "process/control_client.h"
#include "process/crash.h"
#include "process/life.h"
#include "process/main_options.h"
#include "process/opener_client.h"
#include "process/opener_start.h"
#include "process/privileges.h"
#include "process/signals.h"
#include "process/version.h"

namespace process {
namespace {

using Run = MainOptions::Run;

void put(std::FILE* file, const std::string& text) { std::fwrite(text.data(), 1, text.size(), file); }

// "webfront-1a2b3c": different on every machine and for every configuration, the same after a restart.
std::string default_via(const std::string& name, const std::string& configuration) {
  std::string machine;
  std::ifstream("/etc/machine-id") >> machine;
  const std::uint64_t hash = base::fnv1a(machine + "\n" + configuration);
  std::string bytes;
  for (int shift : {0, 8, 16}) bytes += static_cast<char>((hash ^ (hash >> 32)) >> shift & 0xff);
  return name + "-" + base::to_hex(bytes);
}

struct Checked {
  std::unique_ptr<Daemon> daemon;
  bool syntax = false;
  bool well = false;
  std::string problems;
};

std::unique_ptr<Daemon> make(const MainOptions& options, const DaemonDefinition& definition) {
  auto daemon = definition.make();
  daemon->default_via = default_via(definition.name, options.configurations.front());
  return daemon;
}

// `testing`: what only others may read or open gives warnings.
Checked check(const MainOptions& options, const DaemonDefinition& definition, bool testing = false, Access* access = nullptr) {
  Checked out;
  config::Context context;
  if (access) context.set_files(access->files());
  if (testing && !is_root()) context.excuse_rights();
  out.daemon = make(options, definition);
  config::load_files(context, options.configurations);
  out.syntax = !context.syntax_failed();
  out.well = out.syntax && out.daemon->read(context) && !context.failed();
  if (out.well && testing && !is_root()) {
    Named named;
    add_names(*out.daemon, named);
    warn_of_rights(context, named);
  }
  out.problems = context.render_all();
  return out;
}

std::string files_of(const MainOptions& options) {
  std::string out;
  for (const std::string& file : options.configurations) out += (out.empty() ? "" : " ") + file;
  return out;
}

int test(const MainOptions& options, const DaemonDefinition& definition) {
  const Checked checked = check(options, definition, true);
  put(stderr, checked.problems);
  const std::string files = files_of(options);
  if (!options.quiet || !checked.well) {
    if (checked.syntax) put(stderr, "configuration file " + files + " syntax is ok\n");
    put(stderr, "configuration file " + files + " test " + (checked.well ? "is successful" : "failed") + "\n");
  }
  if (checked.well && options.run == Run::dump) put(stdout, checked.daemon->effective());
  return checked.well ? 0 : 1;
}

int serve(const MainOptions& options, const DaemonDefinition& definition, const Program& program) {
  // What an upgrade hands over, the rights of the process before this one included.
  std::unique_ptr<Predecessor> before = Predecessor::from_environment();
  const auto refuse = [&](const std::string& why, const std::string& more = {}) {
    put(stderr, (more.empty() ? definition.name + ": " : more) + why + "\n");
    if (before) before->failed(more + why);
    return 1;
  };
  if (before)
    if (const auto wrong = before->receive()) return refuse(*wrong);
  std::unique_ptr<Access> given;
  if (net::Descriptor opener = before ? before->take_opener() : net::Descriptor(); opener.get() >= 0) given = std::make_unique<OpenedAccess>(std::move(opener));
  Checked checked = check(options, definition, false, given.get());
  if (!checked.well) return refuse("configuration file " + files_of(options) + " test failed", checked.problems);
  put(stderr, checked.problems);
  auto activated = ActivatedSockets::take_over();
  const auto another = [&] { return make(options, definition); };
  auto access = given ? std::expected<std::unique_ptr<Access>, std::string>(std::move(given))
                      : begin_access({definition.name, checked.daemon->process_options().user, options.configurations, another});
  if (!access) return refuse(access.error());
  Signals::block();
  print_last_words();
  return Life(*checked.daemon, {definition.name, options.configurations, options.ready_file, another, access->get(), std::move(activated), program, std::move(before)}).run();
}

// The admin socket by option, by configuration (even one that is not well otherwise), by habit.
std::optional<net::Address> admin_address(const MainOptions& options, const DaemonDefinition& definition) {
  std::string text = options.admin;
  if (text.empty()) {
    config::Context context;
    config::load_files(context, options.configurations);
    if (const config::Node* node = context.root().find("admin")) text = control_address(*node);
  }
  if (text.empty()) text = "unix:/run/" + definition.name + "/admin.sock";
  auto parsed = net::Address::parse(text);
  if (!parsed) return std::nullopt;
  return *parsed;
}

int explain_alone(const MainOptions& options, const DaemonDefinition& definition) {
  Checked checked = check(options, definition);
  put(stderr, checked.problems);
  if (!checked.well) return 1;
  Reply reply;
  checked.daemon->explain(std::span(options.words).subspan(1), reply);
  put(reply.failed ? stderr : stdout, reply.text);
  return reply.failed ? 1 : 0;
}

int control(MainOptions options, const DaemonDefinition& definition) {
  const std::string word = options.words[0];
  if (word == "validate" && options.words.size() == 1) return test(options, definition);
  if (word == "quit") options.words[0] = "shutdown";
  const auto admin = admin_address(options, definition);
  const auto answer = admin ? ask(*admin, AdminRegistry::join(options.words)) : std::nullopt;
  if (!answer) {
    if (word == "explain") return explain_alone(options, definition);
    put(stderr, definition.name + ": no daemon answers at " + (admin ? admin->text() : options.admin) + "\n");
    return 1;
  }
  if (answer->status == 0) put(stderr, definition.name + ": the daemon gave no answer\n");
  put(answer->status == 200 ? stdout : stderr, answer->text);
  return answer->status == 200 ? 0 : answer->status == 404 ? 2 : 1;
}

void print_build(const std::string& name) {
  put(stdout, name + " " + version + "\nbuilt with " +
#if defined(__clang__)
                  "clang " __clang_version__
#else
                  "gcc " __VERSION__
#endif
                  + "\nlibevent " + ::event_get_version() + "\n" + ::OpenSSL_version(OPENSSL_VERSION) + "\nnghttp2 " + ::nghttp2_version(0)->version_str + "\n");
}

}  // namespace

int run_daemon(int argc, const char* const* argv, const DaemonDefinition& definition) {
  const std::string& name = definition.name;
  const MainOptions options = parse_main_options({argv + 1, argv + argc}, "/etc/" + name + "/" + name + ".toml");
  switch (options.run) {
    case Run::serve: return serve(options, definition, {program_path(argv[0]), {argv, argv + argc}});
    case Run::test:
    case Run::dump: return test(options, definition);
    case Run::version: put(stdout, name + " " + version + "\n"); return 0;
    case Run::build: print_build(name); return 0;
    case Run::help: put(stdout, usage_text(name)); return 0;
    case Run::reference: {
      const auto daemon = definition.make();
      put(stdout, options.manual ? config::reference_man(daemon->table()) : config::reference_markdown(daemon->table(), name));
      return 0;
    }
    case Run::control: return control(options, definition);
    case Run::usage: break;
  }
  put(stderr, name + ": " + options.message + "\n" + usage_text(name));
  return 2;
}

}  // namespace process
