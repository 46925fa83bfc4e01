# SPDX-License-Identifier: BSD-2-Clause
"""A real browser logs in, edits, and sees the change; so does a stranger."""
import re

from browser import Browser
from check import equal, expect
from world import PASSWORD


def define(suite):
    @suite.test("a browser logs in, edits and sees the change", browser=True)
    def _(w):
        browser = Browser(f"{w.options.dir}/screenshots")
        try:
            browser.open(w.chain.url + "/tour")
            browser.screenshot("1-anonymous")
            before = browser.text("h1")
            browser.open(w.chain.url + "/login?came_from=/tour")
            browser.type("#name", "editor")
            browser.type("#password", PASSWORD)
            browser.screenshot("2-login")
            browser.click("main button")
            browser.wait_text("#user", "editor")
            equal(browser.url(), w.chain.url + "/tour", "where the log-in leads")
            browser.screenshot("3-logged-in")
            browser.open(w.chain.url + "/tour/edit")
            browser.type("#title", before + " for everybody")
            browser.screenshot("4-form")
            browser.click("main button")
            browser.wait_text("h1", before + " for everybody")
            message = browser.text(".message")
            expect(re.search(r"answered (404 )*200", message), f"no PURGE found something: {message}")
            browser.screenshot("5-edited")
            browser.forget()
            browser.open(w.chain.url + "/tour")
            browser.wait_text("h1", before + " for everybody")
            expect("Log in" in browser.text("footer"), "still logged in")
            browser.screenshot("6-anonymous-again")
        finally:
            browser.close()

    @suite.test("pictures load in the browser over HTTP/2", browser=True)
    def _(w):
        browser = Browser(f"{w.options.dir}/screenshots")
        try:
            browser.open(w.chain.url + "/pictures")
            sizes = browser.script("return Array.from(document.images, i => i.complete && i.naturalWidth)")
            equal(sizes, [640, 640, 640], "widths of the pictures")
            protocols = browser.script("return performance.getEntriesByType('navigation').concat("
                                       "performance.getEntriesByType('resource')).map(e => e.nextHopProtocol)")
            equal(set(protocols), {"h2"}, "protocols")
        finally:
            browser.close()

    @suite.test("the clock runs in the browser", browser=True)
    def _(w):
        browser = Browser(f"{w.options.dir}/screenshots")
        try:
            browser.open(w.chain.url + "/clock")
            browser.wait_text("#clock", ":")
            first = browser.text("#clock")
            for _ in range(100):
                if browser.text("#clock") != first:
                    break
            browser.wait_text("#state", "connected")
            browser.screenshot("7-clock")
        finally:
            browser.close()
