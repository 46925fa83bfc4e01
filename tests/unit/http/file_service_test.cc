// SPDX-License-Identifier: BSD-2-Clause
// Static files: what is found and what is not, and the answers they give.
#include <catch2/catch.hpp>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "http/file_answer.h"
#include "http/file_service.h"
#include "net/event_loop.h"

namespace fs = std::filesystem;
using http::FileEntry;

namespace {

struct Tree {
  fs::path root;
  Tree() {
    std::string name = (fs::temp_directory_path() / "files-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    root = fs::path(name) / "www";
    fs::create_directories(root / "sub");
    fs::create_directories(root / ".well-known");
    write("a.txt", "hello");
    write("page.html", "<p>");
    write("sub/index.html", "index");
    write(".secret", "no");
    write(".well-known/token", "yes");
    write("big.bin", std::string(100'000, 'b'));
    std::ofstream(root.parent_path() / "outside") << "outside";
    fs::create_symlink(root.parent_path() / "outside", root / "absolute");
    fs::create_symlink("../outside", root / "relative");
    fs::create_symlink("a.txt", root / "inner");
    REQUIRE(::mkfifo((root / "fifo").c_str(), 0600) == 0);
  }
  ~Tree() { fs::remove_all(root.parent_path()); }
  void write(const std::string& name, const std::string& text) const { std::ofstream(root / name, std::ios::binary) << text; }
  FileEntry find(const std::string& path, std::vector<std::string> precompressed = {}) const {
    return http::look_up_file({root.string(), {"index.html"}, std::move(precompressed)}, path, false).value();
  }
  std::shared_ptr<const FileEntry> entry(const std::string& path) const { return std::make_shared<const FileEntry>(find(path)); }
};

http::RequestHead get(const char* target, std::initializer_list<std::pair<const char*, std::string>> fields = {}, const char* method = "GET") {
  http::RequestHead head;
  head.set_method(method);
  head.set_target(target);
  for (const auto& [name, value] : fields) head.add(std::string_view(name), value);
  return head;
}

}  // namespace

TEST_CASE("only regular files below the root are found") {
  Tree tree;
  CHECK(tree.find("a.txt").content == "hello");
  CHECK(tree.find("inner").content == "hello");
  CHECK(tree.find(".well-known/token").content == "yes");
  CHECK(tree.find("big.bin").file != nullptr);
  CHECK(tree.find("sub").in_directory);
  CHECK(tree.find("").kind == FileEntry::Kind::directory);
  for (const char* path : {"absolute", "relative", "../outside", "sub/../../outside", "fifo", ".secret", "sub/.x", "none", "a.txt/x", "/etc/passwd"}) {
    INFO(path);
    CHECK(tree.find(path).kind == FileEntry::Kind::missing);
  }
  CHECK(http::look_up_file({tree.root.string() + "-none", {}, {}}, "a", false)->kind == FileEntry::Kind::missing);
}

TEST_CASE("the answers that a file gives") {
  Tree tree;
  const auto entry = tree.entry("a.txt");
  auto whole = http::answer_file(entry, get("/a.txt"), "no-cache", false);
  CHECK(whole.head.status() == 200);
  CHECK(whole.body.text() == "hello");
  CHECK(whole.length == 5);
  CHECK(whole.head.get(http::Token::content_type) == "text/plain; charset=utf-8");
  CHECK(whole.head.get(http::Token::cache_control) == "no-cache");
  const std::string etag(whole.head.get(http::Token::etag).value());
  const std::string modified(whole.head.get(http::Token::last_modified).value());

  CHECK(http::answer_file(entry, get("/a.txt", {}, "HEAD"), "", false).length == 5);
  CHECK(http::answer_file(entry, get("/a.txt", {}, "HEAD"), "", false).body.empty());
  CHECK(http::answer_file(entry, get("/a.txt", {}, "POST"), "", false).head.status() == 405);
  CHECK(http::answer_file(entry, get("/a.txt/"), "", false).head.status() == 404);
  CHECK(http::answer_file(entry, get("/a.txt", {{"If-None-Match", etag}}), "", false).head.status() == 304);
  CHECK(http::answer_file(entry, get("/a.txt", {{"If-None-Match", "\"x\""}}), "", false).head.status() == 200);
  CHECK(http::answer_file(entry, get("/a.txt", {{"If-Modified-Since", modified}}), "", false).head.status() == 304);
  CHECK(http::answer_file(entry, get("/a.txt", {{"If-Match", "\"x\""}}), "", false).head.status() == 412);

  auto part = http::answer_file(entry, get("/a.txt", {{"Range", "bytes=1-2"}}), "", false);
  CHECK(part.head.status() == 206);
  CHECK(part.body.text() == "el");
  CHECK(part.head.get("Content-Range") == "bytes 1-2/5");
  CHECK(http::answer_file(entry, get("/a.txt", {{"Range", "bytes=9-"}}), "", false).head.status() == 416);
  CHECK(http::answer_file(entry, get("/a.txt", {{"Range", "bytes=1-2"}, {"If-Range", "\"x\""}}), "", false).head.status() == 200);
  CHECK(http::answer_file(entry, get("/a.txt", {{"Range", "bytes=1-2"}, {"If-Range", etag}}), "", false).head.status() == 206);
  auto parts = http::answer_file(entry, get("/a.txt", {{"Range", "bytes=0-0,4-4"}}), "", false);
  CHECK(parts.head.status() == 206);
  CHECK(parts.length == parts.body.size());
  CHECK(parts.head.get(http::Token::content_type)->starts_with("multipart/byteranges"));
}

TEST_CASE("directories are redirected to their slash, never to another host") {
  Tree tree;
  const auto directory = tree.entry("sub");
  CHECK(http::answer_file(directory, get("/sub/"), "", false).body.text() == "index");
  const auto location = [&](const char* target) { return std::string(http::answer_file(directory, get(target), "", false).head.get(http::Token::location).value_or("")); };
  CHECK(location("/sub") == "/sub/");
  CHECK(location("/sub?a=b") == "/sub/?a=b");
  CHECK(location("//evil.example") == "/evil.example/");
  CHECK(location("/\\evil.example") == "/evil.example/");
  CHECK(http::answer_file(tree.entry(""), get("/"), "", false).head.status() == 403);
}

TEST_CASE("precompressed neighbours") {
  Tree tree;
  tree.write("page.html.gz", "zipped");
  tree.write("page.html.br", "brotli");
  tree.write("a.txt.gz", "old");
  fs::last_write_time(tree.root / "a.txt.gz", fs::last_write_time(tree.root / "a.txt") - std::chrono::hours(1));
  const auto entry = std::make_shared<const FileEntry>(tree.find("page.html", {"br", "gzip"}));
  auto coded = http::answer_file(entry, get("/page.html", {{"Accept-Encoding", "gzip, br"}}), "", true);
  CHECK(coded.body.text() == "brotli");
  CHECK(coded.head.get(http::Token::content_encoding) == "br");
  CHECK(coded.head.get(http::Token::content_type) == "text/html; charset=utf-8");
  CHECK(coded.head.get(http::Token::vary) == "Accept-Encoding");
  CHECK(http::answer_file(entry, get("/page.html", {{"Accept-Encoding", "gzip"}}), "", true).body.text() == "zipped");
  CHECK(http::answer_file(entry, get("/page.html"), "", true).body.text() == "<p>");
  CHECK(tree.find("a.txt", {"gzip"}).encoded.empty());
}

namespace {

struct Waiter final : net::Task, net::TaskOwner {
  explicit Waiter(net::EventLoop& l) : Task(l, *this) {}
  void reap(net::Task&) override {}
  Step run() override { return Step::wait; }
};

// A worker's files, and somebody who asks for them.
struct Asking {
  Tree tree;
  base::FakeClock clock;
  net::EventLoop loop{clock};
  net::Offload pool{{1, 16}};
  http::FileService service{pool, loop};
  Waiter waiter{loop};
  http::FileWait wait{waiter};
  const http::FilePlace place{tree.root.string(), {"index.html"}, {}};
  std::shared_ptr<const FileEntry> find(std::string_view path) {
    std::shared_ptr<const FileEntry> found;
    while (!(found = service.find(place, path, wait))) loop.turn(true);
    return found;
  }
};

// No more descriptors until it is destroyed.
struct NoDescriptors {
  rlimit before{};
  NoDescriptors() {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    const int next = ::dup(0);
    ::close(next);
    const rlimit none{static_cast<rlim_t>(next), before.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before); }
};

}  // namespace

TEST_CASE("a worker's files are looked up once a second") {
  Asking asking;
  CHECK(asking.find("a.txt")->content == "hello");
  asking.tree.write("a.txt", "changed");
  CHECK(asking.find("a.txt")->content == "hello");
  asking.clock.advance(http::FileService::validity);
  CHECK(asking.find("a.txt")->content == "changed");
}

TEST_CASE("a failure to look up is not kept") {
  Asking asking;
  for (const char* path : {"a.txt", "sub/"}) {
    {
      const NoDescriptors none;
      const auto failed = asking.find(path);
      CHECK(failed->kind == FileEntry::Kind::failed);
      CHECK(failed->error == EMFILE);
    }
    CHECK(asking.find(path)->kind == FileEntry::Kind::file);
  }
}
