# SPDX-License-Identifier: BSD-2-Clause
"""What a fresh site contains."""

PAGES = {
    "": ("A small site behind three daemons", [
        ("picture", "mountain A ridge of mountains in the morning"),
        ("text", "You are looking at a small content management system. webfront received your request over TLS, "
                 "cachenode looked whether it knew the answer, and only if not, balancer chose one of two instances "
                 "of this application."),
        ("heading", "Things to try"),
        ("list", "Reload this page: the line at its foot says who wrote it and when. It does not change, so it came "
                 "from the cache.\nLog in and reload: now every answer is fresh, and no cache keeps it.\n"
                 "Edit a page: the application tells the cache at once, and other visitors see the change.\n"
                 "Stop one instance, or both: pages that the cache knows are still served.")]),
    "news": ("News", [("text", "Short stories. This page lists those below it.")]),
    "news/first": ("The first story", [("text", "All the news that fits."), ("quote", "Three simple tools.")]),
    "news/second": ("The second story", [("picture", "sea The sea at dusk"), ("text", "More news.")]),
    "pictures": ("Pictures", [("picture", "mountain Mountains"), ("picture", "sea The sea"), ("picture", "forest A forest")]),
    "tour": ("Tour", [
        ("text", "Each of these shows one thing the chain has to do well."),
        ("list", "/slow sends a line every second: it arrives as it is written, and the other instance serves meanwhile.\n"
                 "/clock is a WebSocket through all tiers.\n"
                 "/error is a page that always fails; the visitor gets the application's own error page.\n"
                 "/moment may be kept for one second: stop both instances, and it is still served.\n"
                 "/request shows the request as the application sees it.\n"
                 "/big/5242880 is a file of five megabytes, whole or by range.")]),
}

NAVIGATION = ("news", "pictures", "tour")


def fill(store):
    """Writes the pages that are missing: instances that start together do no harm."""
    for path, (title, parts) in PAGES.items():
        if store.page(path) is None:
            store.save_page(path, title, [{"kind": k, "text": t} for k, t in parts])
