# SPDX-License-Identifier: BSD-2-Clause
"""What the peers cannot do of what the tests on Plone expect; see marks.py."""


def define(table):
    pass
