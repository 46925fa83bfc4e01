# SPDX-License-Identifier: BSD-2-Clause
"""A real browser on a real Plone."""
from browser import Browser, BrowserError
from check import expect
from world import NAME, PASSWORD


def save(browser):
    """Presses Save until the form has gone, as a person would: Plone's validation may still hold the field that was empty a moment ago for wrong."""
    for _ in range(6):
        browser.script("document.querySelector('#form-buttons-save')?.click()")
        try:
            return browser.wait("body:not(:has(#form-buttons-save)) h1", 15)
        except BrowserError:
            pass
    raise BrowserError("the form stays")


def define(suite):
    @suite.test("a browser logs in, edits and sees the change; so does a stranger", browser=True)
    def _(w):
        browser = Browser(f"{w.options.dir}/screenshots")
        try:
            browser.open(w.chain.url + "/page")
            browser.wait_text("h1", "A page")
            browser.screenshot("1-anonymous")
            browser.open(w.chain.url + "/login")
            browser.type("#__ac_name", NAME)
            browser.type("#__ac_password", PASSWORD)
            browser.screenshot("2-login")
            browser.click("#buttons-login")
            browser.wait("body.userrole-authenticated")
            browser.screenshot("3-logged-in")
            browser.open(w.chain.url + "/page/edit")
            # Plone's scripts take the form over some time after the page has loaded: who types or saves meanwhile loses it.
            browser.wait("body.patterns-loaded")
            browser.type("#form-widgets-IDublinCore-title", "A page, edited in a browser")
            browser.screenshot("4-form")
            save(browser)
            browser.wait_text("h1", "A page, edited in a browser")
            browser.screenshot("5-edited")
            browser.forget()
            browser.open(w.chain.url + "/page")
            browser.wait_text("h1", "A page, edited in a browser")
            expect(browser.script("return document.querySelector('body.userrole-anonymous') !== null"), "still logged in")
            browser.screenshot("6-anonymous-again")
            protocols = browser.script("return performance.getEntriesByType('navigation').map(e => e.nextHopProtocol)")
            expect(protocols == ["h2"], f"protocol {protocols}")
        finally:
            browser.close()
