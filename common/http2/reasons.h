// SPDX-License-Identifier: BSD-2-Clause
// Why an HTTP/2 connection is ended by its server: floods (RFC 9113 10.5), answered with ENHANCE_YOUR_CALM, and violations of the protocol.
#pragma once

#include "base/reason.h"

namespace http2::reasons {

inline constexpr base::ReasonRow rapid_reset{"h2-rapid-reset", "HTTP/2 flood: more than {a} streams reset by the client beyond its answered ones"};
inline constexpr base::ReasonRow provoked_resets{"h2-provoked-resets", "HTTP/2 flood: more than {a} streams that the client's errors had reset"};
inline constexpr base::ReasonRow refused_streams{"h2-refused-streams", "HTTP/2 flood: more than {a} streams beyond the permitted number"};
inline constexpr base::ReasonRow settings_flood{"h2-settings-flood", "HTTP/2 flood: more than {a} SETTINGS"};
inline constexpr base::ReasonRow ping_flood{"h2-ping-flood", "HTTP/2 flood: more than {a} PINGs beyond the frames sent"};
inline constexpr base::ReasonRow window_flood{"h2-window-update-flood", "HTTP/2 flood: more than {a} WINDOW_UPDATEs beyond what was sent"};
inline constexpr base::ReasonRow priority_flood{"h2-priority-flood", "HTTP/2 flood: more than {a} changes of priority beyond the requests"};
inline constexpr base::ReasonRow empty_data{"h2-empty-data-flood", "HTTP/2 flood: more than {a} DATA frames with nothing in them"};
inline constexpr base::ReasonRow tiny_data{"h2-tiny-data-flood", "HTTP/2 flood: more than {a} DATA frames with next to nothing in them"};
inline constexpr base::ReasonRow idle_frames{"h2-frame-flood", "HTTP/2 flood: more than {a} frames that ask for nothing"};
inline constexpr base::ReasonRow head_bytes{"h2-head-flood", "HTTP/2 flood: more than {a} bytes of heads beyond those that were answered"};
inline constexpr base::ReasonRow late_streams{"h2-goaway-ignored", "HTTP/2 flood: more than {a} streams begun after GOAWAY"};
inline constexpr base::ReasonRow continuation_flood{"h2-continuation-flood", "HTTP/2 flood: a head in more than {a} CONTINUATIONs"};
inline constexpr base::ReasonRow header_bomb{"h2-header-bomb", "HTTP/2 flood: a head that unfolds to more than {a} bytes or {b} fields"};
inline constexpr base::ReasonRow not_reading{"h2-not-reading", "HTTP/2 flood: more than {a} frames to be sent to a client that does not read"};
inline constexpr base::ReasonRow protocol_error{"h2-protocol-error", "the client broke HTTP/2: {s}"};

}  // namespace http2::reasons
