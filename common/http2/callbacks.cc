// SPDX-License-Identifier: BSD-2-Clause
#include "http2/callbacks.h"

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "base/check.h"
#include "http/engine_reasons.h"
#include "http2/answer.h"
#include "http2/reasons.h"
#include "http2/request.h"
#include "http2/session.h"

namespace http2 {

struct Callbacks {
  static Session& session(void* user) { return *static_cast<Session*>(user); }

  static void out_of_memory(void* user) {
    session(user).out_of_memory_ = true;
    session(user).ring();
  }

  static int begin_headers(nghttp2_session* nghttp2, const nghttp2_frame* frame, void* user) {
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    Session& s = session(user);
    // Streams that were reset count until their exchanges have ended, or resetting would be a way to have more of them.
    if (s.streams_.size() >= 2 * max_streams) {
      nghttp2_submit_rst_stream(nghttp2, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_REFUSED_STREAM);
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    auto stream = std::make_unique<Stream>(s, frame->hd.stream_id);
    stream->pending_.began = s.time();
    stream->last_received_ = s.time();
    s.streams_[frame->hd.stream_id] = std::move(stream);
    return 0;
  }

  static int header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size, const std::uint8_t* value,
                    std::size_t value_size, std::uint8_t, void* user) {
    Stream* stream = session(user).find(frame->hd.stream_id);
    if (!stream || frame->hd.type != NGHTTP2_HEADERS) return 0;
    const std::string_view n(reinterpret_cast<const char*>(name), name_size), v(reinterpret_cast<const char*>(value), value_size);
    if (stream->head_complete_) add_trailer(*stream, n, v);
    else add_field(*stream, n, v, session(user).options().head);
    return session(user).guard_.unfolded(stream->head_size_, stream->field_count_) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
  }

  // Called for what nghttp2 would silently leave out: a malformed field makes the request malformed.
  static int invalid_header(nghttp2_session* nghttp2, const nghttp2_frame* frame, const std::uint8_t*, std::size_t, const std::uint8_t*, std::size_t,
                            std::uint8_t, void*) {
    nghttp2_submit_rst_stream(nghttp2, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_PROTOCOL_ERROR);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  static int frame_received(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Session& s = session(user);
    if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK)) s.pong();
    Stream* stream = s.find(frame->hd.stream_id);
    if (!stream) return 0;
    const bool last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (frame->hd.type == NGHTTP2_HEADERS && !stream->head_complete_) {
      stream->head_complete_ = true;
      stream->pending_.parsed = s.time();
      if (last) stream->request_complete();
      s.complete_heads_.push_back(frame->hd.stream_id);
    } else if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) && last) {
      stream->request_complete();
    }
    return 0;
  }

  static int data_chunk(nghttp2_session* nghttp2, std::uint8_t, std::int32_t id, const std::uint8_t* data, std::size_t size, void* user) {
    if (Stream* stream = session(user).find(id)) stream->receive({reinterpret_cast<const char*>(data), size});
    else nghttp2_session_consume(nghttp2, id, size);
    return 0;
  }

  static int stream_closed(nghttp2_session*, std::int32_t id, std::uint32_t, void* user) {
    Session& s = session(user);
    Stream* stream = s.find(id);
    if (!stream) return 0;
    stream->closed_ = true;
    stream->gone_ = !stream->finished_;
    if (stream->state_ == http::RequestBody::State::open)
      stream->fail(base::Error{{&http::reasons::client_left}, base::Side::client, false, 0});
    stream->drop_body();
    stream->ring_exchange();
    if (!stream->exchange_) s.unused_.push_back(id);
    s.ring();
    return 0;
  }

  static int frame_sent(nghttp2_session* nghttp2, const nghttp2_frame* frame, void* user) {
    Session& s = session(user);
    if (frame->hd.type == NGHTTP2_RST_STREAM) s.guard_.reset_sent(frame->rst_stream.error_code);
    if (frame->hd.type == NGHTTP2_HEADERS) s.guard_.sent(frame->hd.length, true);
    if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR && !s.guard_.verdict()) tell_violation(s, frame->goaway);
    Stream* stream = s.find(frame->hd.stream_id);
    if (!stream) return 0;
    stream->total_bytes_ += frame->hd.length + 9;
    if ((frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS) || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) return 0;
    stream->finished_ = true;
    s.guard_.answered();
    s.finishing_.emplace_back(frame->hd.stream_id, s.queued_);
    // The answer is whole and the rest of the request unwanted: RFC 9113 8.1.
    if (stream->state_ != http::RequestBody::State::complete && !stream->closed_)
      nghttp2_submit_rst_stream(nghttp2, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
    s.ring();
    return 0;
  }

  // nghttp2 has ended the connection for an error of the client's.
  static void tell_violation(Session& s, const nghttp2_goaway& goaway) {
    std::string_view what(reinterpret_cast<const char*>(goaway.opaque_data), goaway.opaque_data_len);
    if (what.empty()) what = nghttp2_http2_strerror(goaway.error_code);
    s.notice({&reasons::protocol_error, 0, 0, what});
  }

  // The body's pieces go out behind their frame head without a copy.
  static int send_data(nghttp2_session*, nghttp2_frame* frame, const std::uint8_t* frame_head, std::size_t length, nghttp2_data_source*, void* user) {
    Session& s = session(user);
    Stream* stream = s.find(frame->hd.stream_id);
    if (!stream || stream->out_.size() < length) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (!s.out_.empty() && s.out_.size() + frame_head_size + length > gather_limit()) return NGHTTP2_ERR_WOULDBLOCK;
    CHECK(frame->data.padlen == 0);
    s.out_.append({reinterpret_cast<const char*>(frame_head), frame_head_size});
    s.queued_ += frame_head_size + length;
    s.out_.take(stream->out_, length);
    s.guard_.sent(length, stream->out_.empty());
    stream->body_bytes_ += length;
    stream->last_sent_ = s.time();
    stream->taking_.add(length);
    s.held_ -= length;
    if (stream->out_.empty()) stream->taking_.rest(s.time());
    s.data_sent_ += length;
    if (!stream->ended_ && stream->out_.size() < Stream::out_limit / 2) stream->ring_exchange();
    return 0;
  }

  // A frame ends where what is gathered is enough for a write: a few bytes more would be a TLS record and a system call of their own.
  static std::size_t longest_frame(const Session& s) {
    constexpr std::size_t too_short = 1024;
    const std::size_t limit = gather_limit(), used = s.out_.size() + frame_head_size;
    return used + too_short < limit ? limit - used : limit - frame_head_size;
  }

  static ssize_t read(Session& s, std::int32_t id, std::size_t length, std::uint32_t* flags) {
    Stream* stream = s.find(id);
    if (!stream || stream->aborted_) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    const std::size_t n = std::min({length, longest_frame(s), stream->out_.size()});
    if (n == 0 && !stream->ended_) {
      stream->deferred_ = true;
      return NGHTTP2_ERR_DEFERRED;
    }
    if (n > 0) *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (stream->ended_ && n == stream->out_.size()) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
      if (stream->send_trailers_) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        submit_trailers(s.nghttp2_, *stream);
      }
    }
    return static_cast<ssize_t>(n);
  }

  static void submit_trailers(nghttp2_session* nghttp2, Stream& stream) {
    std::vector<nghttp2_nv> fields;
    for (auto& [name, value] : stream.answer_trailers_)
      fields.push_back({reinterpret_cast<std::uint8_t*>(name.data()), reinterpret_cast<std::uint8_t*>(value.data()), name.size(), value.size(),
                        NGHTTP2_NV_FLAG_NONE});
    nghttp2_submit_trailer(nghttp2, stream.id_, fields.data(), fields.size());
  }
};

ssize_t read_answer(nghttp2_session*, std::int32_t id, std::uint8_t*, std::size_t length, std::uint32_t* flags, nghttp2_data_source*, void* user) {
  return Callbacks::read(Callbacks::session(user), id, length, flags);
}

// nghttp2's memory. What could not be allocated may be a frame that is never sent, whichever call it was: so the session ends.
struct Memory {
  static void* looked_at(void* memory, void* session) {
    if (!memory) Callbacks::out_of_memory(session);
    return memory;
  }
  static void* allocate(std::size_t size, void* session) { return looked_at(std::malloc(size), session); }
  static void* allocate_zeroed(std::size_t count, std::size_t size, void* session) { return looked_at(std::calloc(count, size), session); }
  static void* resize(void* memory, std::size_t size, void* session) { return looked_at(std::realloc(memory, size), session); }
  static void release(void* memory, void*) { std::free(memory); }
};

nghttp2_session* make_nghttp2(Session& session, std::size_t max_continuations) {
  nghttp2_session_callbacks* callbacks = nullptr;
  if (nghttp2_session_callbacks_new(&callbacks) != 0) return nullptr;
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, Callbacks::begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, Callbacks::header);
  nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, Callbacks::invalid_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Callbacks::frame_received);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Callbacks::data_chunk);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Callbacks::stream_closed);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, Callbacks::frame_sent);
  nghttp2_session_callbacks_set_send_data_callback(callbacks, Callbacks::send_data);
  nghttp2_option* option = nullptr;
  if (nghttp2_option_new(&option) != 0) {
    nghttp2_session_callbacks_del(callbacks);
    return nullptr;
  }
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_closed_streams(option, 1);
  // Limits of nghttp2's own that the guard's take the place of.
  nghttp2_option_set_max_continuations(option, max_continuations + 1);
  nghttp2_option_set_stream_reset_rate_limit(option, 1'000'000, 1'000'000);
  nghttp2_session* made = nullptr;
  nghttp2_mem memory{&session, Memory::allocate, Memory::release, Memory::allocate_zeroed, Memory::resize};
  if (nghttp2_session_server_new3(&made, callbacks, &session, option, &memory) != 0) made = nullptr;
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  return made;
}

}  // namespace http2
