// SPDX-License-Identifier: BSD-2-Clause
// A client for the tests of the HTTP/2 server: nghttp2's client side over one end of a memory pair.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nghttp2/nghttp2.h>

#include "../http/engine_harness.h"
#include "http2/session.h"

namespace http2_test {

using Fields = std::vector<std::pair<std::string, std::string>>;

struct Answer {
  std::string status;
  Fields fields, trailers;
  std::string body;
  std::vector<std::string> interim;
  bool ended = false;
  std::optional<std::uint32_t> reset;
  std::string field(std::string_view name) const {
    for (const auto& [n, v] : fields)
      if (n == name) return v;
    return {};
  }
};

class Client {
 public:
  // `window`: of each stream and, if `auto_window` is false, never given back.
  explicit Client(engine_test::Bench& bench, bool auto_window = true) : bench_(bench) {
    bench.listener.http1 = false;
    bench.listener.http2 = true;
    bench.connections.set_http2(http2::session_factory());
    wire_ = bench.client();
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    nghttp2_option* option = nullptr;
    nghttp2_option_new(&option);
    nghttp2_option_set_no_auto_window_update(option, auto_window ? 0 : 1);
    nghttp2_option_set_no_http_messaging(option, 1);  // the server's enforcement is what is tested
    nghttp2_session_client_new2(&session_, callbacks, this, option);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session_, 0, nullptr, 0);
    exchange();
  }
  ~Client() { nghttp2_session_del(session_); }
  Client(const Client&) = delete;

  static Fields get(const std::string& path, Fields more = {}) {
    Fields out{{":method", "GET"}, {":scheme", "http"}, {":authority", "h.example"}, {":path", path}};
    out.insert(out.end(), more.begin(), more.end());
    return out;
  }
  static Fields post(const std::string& path, Fields more = {}) {
    Fields out = get(path, std::move(more));
    out[0].second = "POST";
    return out;
  }

  // Without `body` the head ends the stream. `finish` false: the body stays open after its bytes.
  std::int32_t request(const Fields& fields, std::optional<std::string> body = {}, bool finish = true) {
    std::vector<nghttp2_nv> nv;
    for (const auto& [name, value] : fields)
      nv.push_back({reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())), reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())),
                    name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
    nghttp2_data_provider provider{};
    provider.read_callback = on_read;
    const std::int32_t id = nghttp2_submit_request(session_, nullptr, nv.data(), nv.size(), body ? &provider : nullptr, nullptr);
    if (body) bodies_[id] = {*body, finish};
    exchange();
    return id;
  }
  void more(std::int32_t id, const std::string& bytes, bool finish) {
    bodies_[id].bytes += bytes;
    bodies_[id].finish = finish;
    nghttp2_session_resume_data(session_, id);
    exchange();
  }
  void reset(std::int32_t id) {
    nghttp2_submit_rst_stream(session_, 0, id, NGHTTP2_CANCEL);
    exchange();
  }
  void consume(std::int32_t id, std::size_t n) {
    nghttp2_session_consume(session_, id, n);
    exchange();
  }
  // So many bytes more may come, of the stream and of all.
  void open(std::int32_t id, std::int32_t bytes) {
    nghttp2_submit_window_update(session_, 0, id, bytes);
    nghttp2_submit_window_update(session_, 0, 0, bytes);
    exchange();
  }
  // Windows of streams and connection that nothing fills.
  void widen() {
    constexpr std::int32_t wide = 1 << 28;
    const nghttp2_settings_entry entry{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, wide};
    nghttp2_submit_settings(session_, 0, &entry, 1);
    nghttp2_session_set_local_window_size(session_, 0, 0, wide);
    exchange();
  }
  std::size_t unsent(std::int32_t id) { return bodies_[id].bytes.size(); }
  Answer& answer(std::int32_t id) { return answers_[id]; }
  bool went_away() const { return !goaways_.empty(); }
  const std::vector<std::int32_t>& goaways() const { return goaways_; }  // the last stream that each names
  // What the server says is not heard till let_go().
  void hold_back() { deaf_ = true; }
  void let_go() {
    deaf_ = false;
    exchange();
  }
  bool ended() { return wire_->ended(); }
  engine_test::Wire& wire() { return *wire_; }
  void drop() { wire_->close(); }

  // Both sides say what they have to, until nothing moves.
  void exchange() {
    for (int i = 0; i < 200; ++i) {
      bool moved = false;
      const std::uint8_t* bytes = nullptr;
      for (ssize_t n; (n = nghttp2_session_mem_send(session_, &bytes)) > 0; moved = true)
        wire_->send({reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(n)});
      bench_.settle();
      const std::string in = deaf_ ? std::string() : wire_->take();
      look_for_goaways(in);
      if (!in.empty()) {
        nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(in.data()), in.size());
        moved = true;
      }
      bench_.settle();
      if (!moved) return;
    }
  }

 private:
  // In the bytes: nghttp2's client does not listen any more when it has no stream and was told to go.
  void look_for_goaways(const std::string& in) {
    unparsed_ += in;
    const auto number = [this](std::size_t at, int size) {
      std::uint32_t out = 0;
      for (int i = 0; i < size; ++i) out = out << 8 | static_cast<unsigned char>(unparsed_[at + static_cast<std::size_t>(i)]);
      return out;
    };
    while (unparsed_.size() >= 9 && unparsed_.size() >= 9 + number(0, 3)) {
      if (unparsed_[3] == NGHTTP2_GOAWAY) goaways_.push_back(static_cast<std::int32_t>(number(9, 4)));
      unparsed_.erase(0, 9 + number(0, 3));
    }
  }
  struct Body {
    std::string bytes;
    bool finish = true;
  };
  static Client& self(void* user) { return *static_cast<Client*>(user); }
  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size, const std::uint8_t* value,
                       std::size_t value_size, std::uint8_t, void* user) {
    Answer& answer = self(user).answers_[frame->hd.stream_id];
    const std::string n(reinterpret_cast<const char*>(name), name_size), v(reinterpret_cast<const char*>(value), value_size);
    if (n == ":status" && v[0] == '1') answer.interim.push_back(v);
    else if (n == ":status") answer.status = v;
    else if (!answer.body.empty() || self(user).in_trailers(frame)) answer.trailers.emplace_back(n, v);
    else if (!answer.status.empty()) answer.fields.emplace_back(n, v);
    return 0;
  }
  bool in_trailers(const nghttp2_frame* frame) const {
    return frame->headers.cat == NGHTTP2_HCAT_HEADERS && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) && answers_.at(frame->hd.stream_id).fields.size() > 0;
  }
  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data, std::size_t size, void* user) {
    self(user).answers_[id].body.append(reinterpret_cast<const char*>(data), size);
    return 0;
  }
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    if (frame->hd.type == NGHTTP2_RST_STREAM) self(user).answers_[frame->hd.stream_id].reset = frame->rst_stream.error_code;
    if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
      self(user).answers_[frame->hd.stream_id].ended = true;
    return 0;
  }
  static int on_close(nghttp2_session*, std::int32_t, std::uint32_t, void*) { return 0; }
  static ssize_t on_read(nghttp2_session*, std::int32_t id, std::uint8_t* into, std::size_t length, std::uint32_t* flags, nghttp2_data_source*, void* user) {
    Body& body = self(user).bodies_[id];
    const std::size_t n = std::min(length, body.bytes.size());
    std::copy_n(body.bytes.data(), n, into);
    body.bytes.erase(0, n);
    if (body.bytes.empty() && body.finish) *flags |= NGHTTP2_DATA_FLAG_EOF;
    else if (n == 0) return NGHTTP2_ERR_DEFERRED;
    return static_cast<ssize_t>(n);
  }

  engine_test::Bench& bench_;
  std::unique_ptr<engine_test::Wire> wire_;
  nghttp2_session* session_ = nullptr;
  std::map<std::int32_t, Answer> answers_;
  std::map<std::int32_t, Body> bodies_;
  std::vector<std::int32_t> goaways_;
  std::string unparsed_;
  bool deaf_ = false;
};

}  // namespace http2_test
