# SPDX-License-Identifier: BSD-2-Clause
"""The site's HTML. Functions take plain values and return text; nothing here knows the protocol."""
from html import escape as e

import pictures

KINDS = {"text": "Text", "heading": "Heading", "list": "List", "picture": "Picture", "quote": "Quotation"}

STYLE = """:root { --ink: #22303c; --soft: #5d6b78; --line: #d9e0e6; --accent: #1a6a8a; --paper: #fff; --back: #f3f6f8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4eaef; --soft: #9fb0bd; --line: #33424f; --accent: #6cc1e0;
  --paper: #1a242d; --back: #121a21; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink); font: 17px/1.6 system-ui, sans-serif; }
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; top: 1rem; background: var(--paper); padding: .5rem 1rem; }
header, main, footer { max-width: 52rem; margin: 0 auto; padding: 1rem 1.5rem; }
header { display: flex; flex-wrap: wrap; gap: .5rem 2rem; align-items: baseline; }
header strong a { font-size: 1.3rem; color: var(--ink); text-decoration: none; }
nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; margin: 0; padding: 0; }
a { color: var(--accent); } a:focus-visible, button:focus-visible, input:focus-visible, textarea:focus-visible,
select:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
[aria-current] { font-weight: bold; text-decoration: none; }
main { background: var(--paper); border: 1px solid var(--line); border-radius: 8px; padding: 1.5rem 2rem 2rem; }
h1 { line-height: 1.2; margin-top: .3rem; } img { max-width: 100%; height: auto; border-radius: 6px; }
blockquote { margin: 1rem 0; padding-left: 1rem; border-left: 4px solid var(--accent); font-style: italic; }
.message { background: var(--accent); color: var(--paper); padding: .5rem 1rem; border-radius: 6px; }
.error { background: #a3242b; color: #fff; padding: .5rem 1rem; border-radius: 6px; }
footer { color: var(--soft); font-size: .85rem; } footer form { display: inline; }
label { display: block; font-weight: bold; margin: .8rem 0 .2rem; } fieldset { border: 1px solid var(--line); margin: 1rem 0; }
input, textarea, select { width: 100%; padding: .5rem; font: inherit; color: inherit; background: var(--back);
  border: 1px solid var(--soft); border-radius: 4px; } textarea { min-height: 6rem; }
button { font: inherit; padding: .5rem 1.2rem; margin-top: 1rem; border: 0; border-radius: 4px; background: var(--accent);
  color: var(--paper); cursor: pointer; } footer button { padding: 0 .5rem; margin: 0; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .3rem .8rem .3rem 0;
  border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; } th { white-space: nowrap; }
#clock { font: 3rem/1.4 ui-monospace, monospace; }
"""


def frame(view, title, body, script=""):
    """A whole page. `view` tells who looks from where, see app.View."""
    links = "".join(
        f'<li><a href="{e(view.url("/" + path))}"{" aria-current=page" if path == view.path else ""}>{e(name)}</a></li>'
        for path, name in view.navigation)
    message = f'<p class="message" role="status">{e(view.message)}</p>' if view.message else ""
    if view.user:
        who = (f'Logged in as <b id="user">{e(view.user)}</b>. '
               f'<form method="post" action="{e(view.url("/logout"))}"><button>Log out</button></form>')
        tools = (f' <a href="{e(view.url(view.here + "/edit"))}">Edit this page</a>' if view.editable else "")
        tools += f' <a href="{e(view.url("/upload"))}">Upload a file</a>'
    else:
        who, tools = f'<a href="{e(view.url("/login?came_from=" + view.here))}">Log in</a>', ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{e(title)} – Trivet demo</title>
<link rel="stylesheet" href="{e(view.url('/style.css'))}">
<link rel="icon" href="data:,">
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<header><strong><a href="{e(view.url('/'))}">Trivet demo</a></strong>
<nav aria-label="Main"><ul>{links}</ul></nav></header>
<main id="content">
{message}{body}
</main>
<footer>
<p>{who}{tools}</p>
<p>Written by instance <b id="instance">{e(view.instance)}</b> at <time id="written">{e(view.now)}</time>
 as its answer number <span id="number">{view.number}</span>. When these stay the same after a reload, the page came
 from the cache.</p>
</footer>
{script}</body>
</html>
"""


def linked(view, line):
    """A line that begins with a path of this site gets a link to it."""
    if not line.startswith("/"):
        return e(line)
    path, blank, rest = line.partition(" ")
    return f'<a href="{e(view.url(path))}">{e(path)}</a>{e(blank + rest)}'


def part(view, one):
    kind, text = one["kind"], one["text"]
    if kind == "heading":
        return f"<h2>{e(text)}</h2>"
    if kind == "list":
        return "<ul>" + "".join(f"<li>{linked(view, t)}</li>" for t in text.splitlines() if t.strip()) + "</ul>"
    if kind == "quote":
        return f"<blockquote>{e(text)}</blockquote>"
    if kind == "picture":
        name, _, caption = text.partition(" ")
        folder = "/images/" if name in pictures.NAMES else "/files/"
        return f'<p><img src="{e(view.url(folder + name))}" alt="{e(caption.strip() or name)}"></p>'
    return "".join(f"<p>{e(t)}</p>" for t in text.split("\n\n") if t.strip())


def page(view, content, children):
    body = f"<h1>{e(content['title'])}</h1>" + "\n".join(part(view, p) for p in content["parts"])
    if children:
        body += "<ul>" + "".join(f'<li><a href="{e(view.url("/" + path))}">{e(title)}</a></li>'
                                 for path, title in children) + "</ul>"
    return frame(view, content["title"], body)


def edit_form(view, path, content):
    def options(chosen):
        return "".join(f'<option value="{k}"{" selected" if k == chosen else ""}>{v}</option>' for k, v in KINDS.items())

    fields = ""
    for n, one in enumerate(content["parts"] + [{"kind": "text", "text": ""}]):
        fields += f"""<fieldset><legend>Part {n + 1}</legend>
<label for="kind-{n}">Kind</label><select id="kind-{n}" name="kind">{options(one['kind'])}</select>
<label for="text-{n}">Content</label><textarea id="text-{n}" name="text">{e(one['text'])}</textarea></fieldset>"""
    return frame(view, "Edit", f"""<h1>Edit</h1>
<form method="post" action="{e(view.url('/' + path + '/edit' if path else '/edit'))}">
<label for="title">Title</label><input id="title" name="title" required value="{e(content['title'])}">
{fields}<p>An empty part is removed. A picture is the name of one ({e(', '.join(pictures.NAMES))}, or an uploaded file),
then its description.</p>
<button>Save</button></form>""")


def login_form(view, came_from, failed):
    error = '<p class="error" role="alert">This name and password are not known.</p>' if failed else ""
    return frame(view, "Log in", f"""<h1>Log in</h1>{error}
<p>This is a demonstration: <code>editor</code> with the password <code>editor12345</code>.</p>
<form method="post" action="{e(view.url('/login'))}">
<input type="hidden" name="came_from" value="{e(came_from)}">
<label for="name">Name</label><input id="name" name="name" autocomplete="username" required>
<label for="password">Password</label><input id="password" name="password" type="password"
 autocomplete="current-password" required>
<button>Log in</button></form>""")


def upload_form(view, files):
    rows = "".join(f'<tr><td><a href="{e(view.url("/files/" + f["name"]))}">{e(f["name"])}</a></td>'
                   f'<td>{e(f["type"])}</td><td>{f["size"]}</td></tr>' for f in files)
    table = f"<table><tr><th>Name</th><th>Type</th><th>Bytes</th></tr>{rows}</table>" if files else "<p>No files yet.</p>"
    return frame(view, "Upload", f"""<h1>Upload a file</h1>
<form method="post" enctype="multipart/form-data" action="{e(view.url('/upload'))}">
<label for="file">File</label><input id="file" name="file" type="file" required><button>Upload</button></form>
<h2>Files</h2>{table}""")


def request_table(view, rows):
    cells = "".join(f"<tr><th scope=row>{e(n)}</th><td>{e(v)}</td></tr>" for n, v in rows)
    return frame(view, "Your request", f"<h1>Your request, as the application sees it</h1><table>{cells}</table>")


def clock(view, address):
    return frame(view, "Clock", """<h1>A clock over a WebSocket</h1>
<p id="clock" role="timer">–</p><p id="state" role="status">Without JavaScript this clock stands still.</p>""",
                 f"""<script>
const state = document.getElementById('state'), socket = new WebSocket({address!r});
socket.onopen = () => state.textContent = 'connected';
socket.onclose = () => state.textContent = 'the connection has ended';
socket.onmessage = (event) => document.getElementById('clock').textContent = event.data;
</script>
""")


def problem(view, status, text):
    return frame(view, f"Error {status}", f'<h1>Error {status}</h1><p class="error" role="alert">{e(text)}</p>')
