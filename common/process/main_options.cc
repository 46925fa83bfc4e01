// SPDX-License-Identifier: BSD-2-Clause
#include "process/main_options.h"

namespace process {
namespace {

using Run = MainOptions::Run;

class Parser {
 public:
  Parser(std::span<const char* const> arguments, MainOptions& out) : arguments_(arguments), out_(out) {}

  void parse() {
    while (next_ < arguments_.size() && out_.run != Run::usage) {
      const std::string argument = arguments_[next_++];
      if (argument == "--" || argument.size() < 2 || argument[0] != '-') {
        // The first word makes this the control client; what follows belongs to the command, options included.
        if (argument != "--") --next_;
        for (; next_ < arguments_.size(); ++next_) out_.words.emplace_back(arguments_[next_]);
        if (!out_.words.empty()) set(Run::control, "a command");
        return;
      }
      if (argument.starts_with("--")) long_option(argument);
      else short_options(argument);
    }
  }

 private:
  void wrong(std::string message) {
    out_.run = Run::usage;
    out_.message = std::move(message);
  }
  void set(Run run, const std::string& what) {
    // -t with -q, -T with -t and the like agree; two different things to do do not.
    if (out_.run == Run::test && run == Run::dump) out_.run = Run::dump;
    else if (out_.run == Run::dump && run == Run::test) return;
    else if (out_.run != Run::serve && out_.run != run) wrong(what + " does not go together with what stands before it");
    else out_.run = run;
  }
  // The value of an option: the rest of the argument or the next one.
  bool value(const std::string& name, const std::string& rest, std::string& out) {
    if (!rest.empty()) {
      out = rest;
    } else if (next_ < arguments_.size()) {
      out = arguments_[next_++];
    } else {
      wrong(name + " needs a value");
      return false;
    }
    return true;
  }
  void long_option(const std::string& argument) {
    const auto equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    const std::string rest = equals == std::string::npos ? std::string() : argument.substr(equals + 1);
    if (name == "--ready") {
      value(name, rest, out_.ready_file);
    } else if (name == "--admin") {
      value(name, rest, out_.admin);
    } else if (name == "--config") {
      std::string file;
      if (value(name, rest, file)) out_.configurations.push_back(file);
    } else if (name == "--reference" && (rest.empty() || rest == "man")) {
      out_.manual = rest == "man";
      set(Run::reference, name);
    } else if (name == "--help" && rest.empty()) {
      set(Run::help, name);
    } else if (name == "--version" && rest.empty()) {
      set(Run::version, name);
    } else {
      wrong("unknown option " + argument);
    }
  }
  void short_options(const std::string& argument) {
    for (std::size_t i = 1; i < argument.size(); ++i) {
      std::string file;
      switch (argument[i]) {
        case 'c':
          if (value("-c", argument.substr(i + 1), file)) out_.configurations.push_back(file);
          return;
        case 't': set(Run::test, "-t"); break;
        case 'T': set(Run::dump, "-T"); break;
        case 'q': out_.quiet = true; break;
        case 'v': set(Run::version, "-v"); break;
        case 'V': set(Run::build, "-V"); break;
        case 'h': set(Run::help, "-h"); break;
        default: return wrong(std::string("unknown option -") + argument[i]);
      }
      if (out_.run == Run::usage) return;
    }
  }

  std::span<const char* const> arguments_;
  MainOptions& out_;
  std::size_t next_ = 0;
};

}  // namespace

MainOptions parse_main_options(std::span<const char* const> arguments, const std::string& default_configuration) {
  MainOptions out;
  Parser(arguments, out).parse();
  if (out.configurations.empty()) out.configurations.push_back(default_configuration);
  return out;
}

std::string usage_text(const std::string& name) {
  return "usage: " + name + " [-c FILE]... [-q] [--ready FILE]    serve, in the foreground\n"
         "       " + name + " [-c FILE]... -t | -T              test the configuration; -T also prints it with all defaults\n"
         "       " + name + " [-c FILE]... COMMAND [ARGUMENT]...  ask or tell the running daemon; `" + name + " help` lists what\n"
         "       " + name + " -v | -V | -h\n"
         "  -c FILE        configuration; repeatable; a directory stands for its *.toml (default /etc/" + name + "/" + name + ".toml)\n"
         "  -q             -t says nothing when all is well\n"
         "  --ready FILE   written once everything listens: a line \"LISTENER ADDRESS\" each\n"
         "  --admin ADDR   the admin socket for COMMAND, instead of the configuration's\n"
         "  --reference    print the reference of all options (--reference=man: for the manual page)\n"
         "Exit codes: 0 well, 1 configuration or run-time error, 2 wrong usage.\n";
}

}  // namespace process
