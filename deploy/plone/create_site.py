# SPDX-License-Identifier: BSD-2-Clause
"""Run by `zconsole run zope.conf create_site.py`: a Classic Plone site with content, caching and purging."""
import base64
import os

import transaction
from AccessControl.SecurityManagement import newSecurityManager
from plone import api
from plone.app.caching.interfaces import IPloneCacheSettings
from plone.cachepurging.interfaces import ICachePurgingSettings
from plone.caching.interfaces import ICacheSettings
from plone.namedfile.file import NamedBlobFile, NamedBlobImage
from plone.registry.interfaces import IRegistry
from Products.CMFPlone.factory import _DEFAULT_PROFILE, addPloneSite
from Testing.makerequest import makerequest
from zope.component import getUtility
from zope.component.hooks import setSite
from zope.globalrequest import setRequest

app = makerequest(globals()["app"])
setRequest(app.REQUEST)
newSecurityManager(None, app.acl_users.getUserById("admin").__of__(app.acl_users))
if "Plone" not in app.objectIds():
    addPloneSite(app, "Plone", title="Trivet's test site", profile_id=_DEFAULT_PROFILE,
                 distribution_name="classic", setup_content=False, default_language="en", portal_timezone="UTC")
    transaction.commit()
site = app.Plone
setSite(site)

for profile in ("plone.restapi:default", "plone.app.caching:default", "plone.app.caching:with-caching-proxy"):
    site.portal_setup.runAllImportStepsFromProfile(f"profile-{profile}")
registry = getUtility(IRegistry)
caching = registry.forInterface(ICacheSettings, check=False)
caching.enabled = True
# The profile's own choice for pages is `weakCaching`: max-age=0, private, an ETag, and nothing for a shared cache.
# A site that wants its pages served without Zope maps them to `moderateCaching`, as here.
mapping = dict(caching.operationMapping or {})
for rule in ("plone.content.itemView", "plone.content.folderView"):
    mapping[rule] = "plone.app.caching.moderateCaching"
caching.operationMapping = mapping
purging = registry.forInterface(ICachePurgingSettings, check=False)
purging.enabled = True
purging.virtualHosting = True
purging.cachingProxies = (os.environ["CACHE_URL"],)
purging.domains = (os.environ["SITE_URL"],)
registry.forInterface(IPloneCacheSettings, check=False).purgedContentTypes = (
    "File", "Image", "News Item", "Document", "Folder", "Plone Site")

PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==")
if "news" not in site:
    news = api.content.create(site, "Folder", "news", title="News")
    page = api.content.create(site, "Document", "page", title="A page", description="first version")
    image = api.content.create(site, "Image", "pixel", title="Pixel",
                               image=NamedBlobImage(PIXEL, "image/png", "pixel.png"))
    file = api.content.create(site, "File", "big", title="A file of 5 MB",
                              file=NamedBlobFile(b"0123456789abcdef" * (5 * 65536), "application/octet-stream", "big.bin"))
    items = [news, page]
    for n in range(20):
        items.append(api.content.create(news, "Document", f"story-{n}", title=f"Story {n}",
                                        description="All the news that fits " * 5))
    for item in items:
        api.content.transition(item, "publish")
    site.acl_users.userFolderAddUser("editor", "editor12345", ["Manager", "Member"], [])
transaction.commit()
print("Site ready:", ", ".join(site.objectIds()[-6:]))
