# SPDX-License-Identifier: BSD-2-Clause
"""Reads cases.txt (its head says how it is written)."""
import re
from dataclasses import dataclass, field

DAEMONS = ('webfront', 'cachenode', 'balancer')
HOST = 'a.example'


@dataclass
class Case:
    name: str
    line: int
    daemons: tuple = DAEMONS
    h1: list = field(default_factory=list)         # ('send', text) and ('eof', '')
    h2: list = field(default_factory=list)         # ('field', name, value), ('data', text), ('trailer', name, value), ('end',)
    also_h2: bool = False
    origin: list = field(default_factory=list)     # ('send', text), ('close',), ('reset',)
    answers: list = field(default_factory=list)    # sets of alternatives
    answer_checks: list = field(default_factory=list)
    then: str = ''
    forwarded: str = ''
    forward_checks: list = field(default_factory=list)
    upstream_new: bool = False

    def expected_count(self):
        """(least, most) requests the origin may see."""
        if self.forwarded == 'any':
            return 0, 100
        if self.forwarded == 'no':
            return 0, 0
        if self.forwarded:
            return int(self.forwarded), int(self.forwarded)
        refused = not self.origin and all(not word.isdigit() or word[0] in '45' for word in self.answers[-1])
        if refused:
            return 0, 0
        return (1, 100) if self.upstream_new else (1, 1)


def unescape(text, path):
    """Bytes of a text of the table."""
    text = text.replace('$P', path).replace('$H', HOST)
    text = re.sub(r'\$rep\((.*?),(\d+)\)', lambda found: found.group(1) * int(found.group(2)), text)
    simple = {'r': '\r', 'n': '\n', 't': '\t', '0': '\0', '\\': '\\'}
    text = re.sub(r'\\(?:x([0-9a-fA-F]{2})|([rnt0\\]))',
                  lambda found: chr(int(found.group(1), 16)) if found.group(1) else simple[found.group(2)], text)
    return text.encode('latin-1')


def after(line, mark):
    """What follows the mark and one space."""
    rest = line[len(mark):]
    return rest[1:] if rest.startswith(' ') else rest


def read_line(case, line):
    if line.startswith('2>'):
        name, _, value = after(line, '2>').partition(' ')
        case.h2.append(('field', name, value))
    elif line.startswith('2data'):
        case.h2.append(('data', after(line, '2data')))
    elif line.startswith('2trailer'):
        name, _, value = after(line, '2trailer').partition(' ')
        case.h2.append(('trailer', name, value))
    elif line == '2end':
        case.h2.append(('end',))
    elif line == '>eof':
        case.h1.append(('eof', ''))
    elif line.startswith('>-'):
        case.h1.append(('send', after(line, '>-')))
    elif line.startswith('>'):
        case.h1.append(('send', after(line, '>') + r'\r\n'))
    elif line in ('<close', '<reset'):
        case.origin.append((line[1:],))
    elif line.startswith('<-'):
        case.origin.append(('send', after(line, '<-')))
    elif line.startswith('<'):
        case.origin.append(('send', after(line, '<') + r'\r\n'))
    else:
        read_word(case, line.rstrip())


def read_word(case, line):
    word, _, rest = line.partition(' ')
    if word == 'on':
        case.daemons = tuple(rest.split())
    elif word == 'also' and rest == 'h2':
        case.also_h2 = True
    elif word == 'answer':
        case.answers.append(rest.split('|'))
    elif word in ('answer-has', 'answer-lacks', 'answer-body', 'interim'):
        case.answer_checks.append((word, rest))
    elif word == 'then' and rest in ('open', 'closed'):
        case.then = rest
    elif word == 'forwarded':
        case.forwarded = rest
    elif word in ('line', 'has', 'lacks', 'body', 'never'):
        case.forward_checks.append((word, rest))
    elif word == 'upstream' and rest == 'new':
        case.upstream_new = True
    else:
        raise ValueError(f'line {case.line}: {line!r} means nothing')


def read(path):
    cases, case = [], None
    with open(path) as file:
        for number, line in enumerate(file, 1):
            line = line.rstrip('\n')
            if line.startswith('#') or not line.strip():
                continue
            if line.startswith('case '):
                case = Case(line[5:], number)
                cases.append(case)
            elif not line.startswith('  ') or case is None:
                raise ValueError(f'line {number}: {line!r} is neither a case nor part of one')
            else:
                case.line = number
                read_line(case, line[2:])
    for case in cases:
        if not case.answers or not (case.h1 or case.h2) or not set(case.daemons) <= set(DAEMONS):
            raise ValueError(f'case {case.name}: says nothing, expects nothing, or names no daemon')
    if len({case.name for case in cases}) != len(cases):
        raise ValueError('two cases of one name')
    return cases


def as_h2(case, path):
    """HTTP/2 items of a case written for HTTP/1.1: (fields, body) as bytes."""
    raw = b''.join(unescape(text, path) for kind, text in case.h1 if kind == 'send')
    head, _, body = raw.partition(b'\r\n\r\n')
    lines = head.split(b'\r\n')
    method, rest = lines[0].split(b' ', 1)
    target = rest.rsplit(b' ', 1)[0]
    host, fields = b'', []
    for line in lines[1:]:
        name, _, value = line.partition(b':')
        if name.lower() == b'host':
            host = value.strip(b' \t')
        else:
            fields.append((name.lower(), value.strip(b' \t')))
    return [(b':method', method), (b':scheme', b'http'), (b':authority', host), (b':path', target)] + fields, body


def items_h2(case, path):
    """HTTP/2 items of a case written for HTTP/2: (fields, body, trailers, ends)."""
    fields = [(unescape(item[1], path), unescape(item[2], path)) for item in case.h2 if item[0] == 'field']
    body = b''.join(unescape(item[1], path) for item in case.h2 if item[0] == 'data')
    trailers = [(unescape(item[1], path), unescape(item[2], path)) for item in case.h2 if item[0] == 'trailer']
    return fields, body, trailers
