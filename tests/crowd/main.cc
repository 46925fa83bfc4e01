// SPDX-License-Identifier: BSD-2-Clause
// crowd: many slow clients, a visitor among them, an origin that makes up bodies of any size, and transfers of those.
//
//   crowd clients  --to ADDRESS --mode idle|head|body|reader|shut|silent --count N [--target /X] [--interval S] [--step BYTES] [--tls]
//                 [--h2 [--streams N]] [--once]
//   crowd visitor  --to ADDRESS --target /X --seconds S [--tls]
//   crowd origin   --to ADDRESS
//   crowd transfer --to ADDRESS --mode up|down|stop --size BYTES [--rate BYTES_A_SECOND] [--tls]
//
// Each says what it saw as one line of JSON. clients and origin run until their standard input ends; a line there asks for a report.
#include <sys/resource.h>

#include <csignal>
#include <cstdlib>
#include <string_view>

#include "stream.h"

int main(int argc, char** argv) {
  using namespace crowd;
  Options options;
  const std::string_view what = argc > 1 ? argv[1] : "";
  for (int i = 2; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--tls") options.tls = true;
    else if (name == "--h2") options.http2 = true;
    else if (name == "--once") options.again = false;
    else if (i + 1 == argc) die("a value is missing");
    else if (name == "--to") options.to.text = argv[++i];
    else if (name == "--mode") options.mode = argv[++i];
    else if (name == "--target") options.target = argv[++i];
    else if (name == "--count") options.count = std::strtoull(argv[++i], nullptr, 10);
    else if (name == "--step") options.step = std::strtoull(argv[++i], nullptr, 10);
    else if (name == "--streams") options.streams = static_cast<std::uint32_t>(std::strtoul(argv[++i], nullptr, 10));
    else if (name == "--size") options.size = std::strtoull(argv[++i], nullptr, 10);
    else if (name == "--interval") options.interval = std::strtod(argv[++i], nullptr);
    else if (name == "--seconds") options.seconds = std::strtod(argv[++i], nullptr);
    else if (name == "--rate") options.rate = std::strtod(argv[++i], nullptr);
    else die("unknown option " + std::string(name));
  }
  std::signal(SIGPIPE, SIG_IGN);
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  if (what == "clients") return run_clients(options);
  if (what == "visitor") return run_visitor(options);
  if (what == "origin") return run_origin(options);
  if (what == "transfer") return run_transfer(options);
  die("clients, visitor, origin or transfer?");
}
