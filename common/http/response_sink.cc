// SPDX-License-Identifier: BSD-2-Clause
#include "http/response_sink.h"

namespace http {

void ResponseSink::copy(std::string_view bytes) {
  net::Buffer piece;
  piece.append(bytes);
  data(piece);
}

}  // namespace http
