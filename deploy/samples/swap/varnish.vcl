# SPDX-License-Identifier: BSD-2-Clause
# Varnish in cachenode's place, in front of a Plone 6 Classic site. Written for Varnish 7.1, Debian 12's.
#
#   varnishd -F -f FILE -s malloc,1g -p http_req_hdr_len=16k -p pipe_timeout=3600 \
#            -a front=/run/cachenode/http.sock,mode=0666 -a plone=127.0.0.1:6081
#
# Neighbours need no change: the front comes through the socket, Plone's PURGE over TCP, the balancer is asked where cachenode asks
# it. The names `front` and `plone` are used below. In Plone: Site setup, Caching, enable purging, caching proxy
# http://127.0.0.1:6081, "Send PURGE requests with virtual hosting paths" on, domain https://www.example.org:443 (with the port).
vcl 4.1;

import std;

backend balancer {
    .path                  = "/run/balancer/http.sock";
    .connect_timeout       = 2s;
    .first_byte_timeout    = 345s;
    .between_bytes_timeout = 50s;
    .max_connections       = 1024;              # the queue that knows the servers is the balancer's
    .probe = {
        .url       = "/_health";
        .interval  = 1s;
        .timeout   = 2s;
        .window    = 4;
        .threshold = 3;
        .initial   = 3;
    }
}

acl purgers {
    "127.0.0.1";
    "::1";
}

sub vcl_recv {
    # Who may purge: Plone, over TCP, and nobody who came through another proxy. Without the second half a front on this machine
    # would make every visitor a local one. (varnishd itself has added the peer to X-Forwarded-For: a comma means a proxy before.)
    if (req.method == "PURGE") {
        if (local.socket != "plone" || client.ip !~ purgers || req.http.Via || req.http.Forwarded || req.http.X-Real-IP ||
            req.http.X-Forwarded-For ~ ",") {
            return (synth(405));
        }
        return (purge);
    }
    if (req.method ~ "(?i)^(purge|ban|refresh|purgekey)$") {
        return (synth(405));
    }

    # The peer of a Unix socket is added as 0.0.0.0; the front has said who the visitor is.
    set req.http.X-Forwarded-For = regsub(req.http.X-Forwarded-For, "(^|, *)0\.0\.0\.0$", "");
    unset req.http.X-Accept-Class;
    unset req.http.X-Language;

    # Plone says must-revalidate everywhere: expired pages are used only while the balancer has no server, as the probe knows, or as
    # the first attempt has shown (the end of vcl_deliver sends us here again).
    set req.grace = 24h;
    if (req.restarts == 0) {
        unset req.http.X-Missed;
        if (std.healthy(req.backend_hint)) {
            set req.grace = 0s;
        }
    }

    if (req.http.Upgrade ~ "(?i)^websocket$") {
        return (pipe);
    }
    if (req.method != "GET" && req.method != "HEAD") {
        return (pass);
    }

    # Browsers and JSON clients of one address get different things, although Plone's HTML has no Vary: one media range of type
    # application/ makes a JSON client. Part of Vary below, not of the hash, so that one PURGE finds both (and sent to the application, because varnishd
    # compares what was sent).
    set req.http.X-Accept-Class = "page";
    if (req.http.Accept ~ "^\s*application/[^,]*$") {
        set req.http.X-Accept-Class = "api";
    }

    # Static resources: the same bytes for everybody, logged in or not.
    if (req.url ~ "/VirtualHostRoot/\+\+(plone|webresource|resource)\+\+" && req.url !~ "/\+\+resource\+\+zmi") {
        unset req.http.Cookie;
        unset req.http.Authorization;
        return (hash);
    }

    # Never stored.
    if (req.url ~ "/((@@)?(edit|login|logout|require_login|captcha|createObject)(/|\?|$)|@log(in|out)|\+\+add\+\+)") {
        return (pass);
    }

    # Who is logged in? Zope's cookie parser finds a name behind a comma, a quote or a blank, too.
    if (req.http.Authorization || req.http.Cookie ~ {"(^|[;,"\s])(__ac(_[^=;,"\s]*)?|auth_token|_ZopeId|statusmessages)="}) {
        return (pass);
    }

    # The only cookie that changes an anonymous page; all others (analytics and the like) are removed.
    if (req.http.Cookie ~ "(^|; *)I18N_LANGUAGE=") {
        set req.http.X-Language = regsub(req.http.Cookie, {"^(.*; *)?I18N_LANGUAGE=([^;]*).*$"}, "\2");
        set req.http.Cookie = "I18N_LANGUAGE=" + req.http.X-Language;
    } else {
        unset req.http.Cookie;
    }
    return (hash);
}

sub vcl_hash {
    # The virtual-host path names scheme, host and site, so Host, which in a PURGE is our own address, has no part in it. Default
    # ports and the place of ++api++ are made equal: Plone's PURGE may spell them in another way than the front.
    set req.http.X-Key = regsub(req.url, "^(/VirtualHostBase/https/[^/:]+):443/", "\1/");
    set req.http.X-Key = regsub(req.http.X-Key, "^(/VirtualHostBase/http/[^/:]+):80/", "\1/");
    set req.http.X-Key = regsub(req.http.X-Key, "^([^?]*)/\+\+api\+\+/VirtualHostRoot(/|$)", "\1/VirtualHostRoot/++api++\2");
    hash_data(req.http.X-Key);
    unset req.http.X-Key;
    # A site without virtual-host paths (Volto) would add the host here, and Plone's PURGE then has to name it.
    return (lookup);
}

sub vcl_pipe {
    set bereq.http.Upgrade = req.http.Upgrade;
    set bereq.http.Connection = req.http.Connection;
}

sub vcl_miss {
    set req.http.X-Missed = "yes";
}

sub vcl_backend_fetch {
    unset bereq.http.X-Missed;
}

sub vcl_backend_response {
    if (beresp.status >= 500) {
        if (bereq.is_bgfetch) {
            return (abandon);                   # what we have is better
        }
        # The balancer's own words (it marks them): nobody is there. An answer that is delivered takes the place of an older object,
        # an error of ours does not.
        if (beresp.http.Proxy-Status) {
            return (error(beresp.status, beresp.reason));
        }
        # The application's own error page. Not `hit-for-miss`, which would send everybody there for two minutes.
        set beresp.ttl = 0s;
        set beresp.grace = 0s;
        set beresp.keep = 0s;
        set beresp.uncacheable = true;
        return (deliver);
    }
    # Without a word of the application nothing is kept (varnishd's own default is two minutes).
    if (!beresp.http.Cache-Control && !beresp.http.Expires) {
        set beresp.ttl = 0s;
    }
    if (beresp.http.Vary) {
        set beresp.http.Vary = beresp.http.Vary + ", X-Accept-Class, X-Language";
    } else {
        set beresp.http.Vary = "X-Accept-Class, X-Language";
    }
    # Expired objects: kept a day for the time when the application is down, and for conditional requests to it.
    if (beresp.status == 200) {
        set beresp.grace = 24h;
    }
    # Here the built-in rules follow: private, no-store, no-cache and Set-Cookie are not stored.
}

sub vcl_backend_error {
    set beresp.http.X-Unreachable = "yes";
    set beresp.http.Content-Type = "text/html; charset=utf-8";
    set beresp.http.Cache-Control = "no-store";
    set beresp.http.Retry-After = "5";
    set beresp.body = {"<!DOCTYPE html><html><head><title>Unavailable</title></head><body><h1>This site is not available at the moment</h1></body></html>
"};
    return (deliver);
}

sub vcl_deliver {
    if (resp.http.X-Unreachable && req.http.X-Missed && req.restarts == 0) {
        return (restart);                       # is there something expired?
    }
    unset resp.http.X-Unreachable;
    if (obj.hits > 0) {
        set resp.http.X-Cache = "HIT";
    } else {
        set resp.http.X-Cache = "MISS";
    }
    set resp.http.Vary = regsub(resp.http.Vary, "(, )?X-Accept-Class, X-Language$", "");
    if (resp.http.Vary == "") {
        unset resp.http.Vary;
    }
    # Nobody in front of us hears Plone's purges.
    set resp.http.Cache-Control = regsub(resp.http.Cache-Control, "s-maxage=\d+", "s-maxage=0");
    if (resp.http.Cache-Control == "") {
        unset resp.http.Cache-Control;
    }
    unset resp.http.X-Varnish;
    unset resp.http.X-Cache-Rule;               # plone.app.caching's notes
    unset resp.http.X-Cache-Operation;
}

sub vcl_synth {
    if (resp.status == 405) {
        set resp.http.Allow = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
    }
}
