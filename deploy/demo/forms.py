# SPDX-License-Identifier: BSD-2-Clause
"""multipart/form-data (RFC 7578), as far as one file field needs it."""
import email.message
import os
import re


def parameter(header, name):
    message = email.message.Message()
    message["Content-Type"] = header
    value = message.get_param(name)
    return value if isinstance(value, str) else ""


def clean_name(name):
    """A file name without folders and without characters that addresses dislike."""
    name = re.sub(r"[^\w.+-]+", "-", os.path.basename(name.replace("\\", "/"))).strip(".-")
    return name[:100]


def uploaded_file(content_type, body):
    """(name, bytes) of the first part that is a file, or None."""
    boundary = parameter(content_type, "boundary")
    if not content_type.lower().startswith("multipart/form-data") or not boundary:
        return None
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary.encode())[1:]:
        head, blank, data = part.partition(b"\r\n\r\n")
        found = re.search(rb'filename="([^"]*)"', head)
        if blank and found:
            name = clean_name(found.group(1).decode("utf-8", "replace"))
            return (name, data) if name else None
    return None
