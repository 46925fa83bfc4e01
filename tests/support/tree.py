# SPDX-License-Identifier: BSD-2-Clause
"""Checks what the sources look like as a whole: edges between folders, purity of decisions, what lies at the top.

Each check prints `ok NAME` or `FAIL NAME: why`. Sizes of files and functions are reported, not judged.
"""
import os
import re
import subprocess
import sys

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), '..', '..'))
DAEMONS = ('webfront', 'cachenode', 'balancer')

# Who may include whom, directly; the closure follows from it.
EDGES = {
    'base': set(),
    'observe': {'base'},
    'net': {'observe'},
    'http': {'net'},
    'http2': {'http'},
    'config': {'base'},
    'process': {'http2', 'config'},
    **{daemon: {'process'} for daemon in DAEMONS},
}
TOP = {'CMakeLists.txt', 'CMakePresets.json', 'webfront', 'cachenode', 'balancer', 'common', 'deploy', 'tests', 'LICENSE',
       'README.md'}
MARKER = '// decision: pure'
SOCKET_HEADERS = re.compile(r'(sys/socket|sys/epoll|sys/un|sys/uio|sys/select|sys/eventfd|sys/poll|netinet/.*|arpa/inet|netdb|poll|unistd'
                            r'|event2/.*|event|openssl/.*|nghttp2/.*|ares|net/if)(\.h)?$')
MACHINE_PATH = '/wor' + 'k/'
FILE_LINES = 400
FUNCTION_LINES = 70
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.M)


def reachable(folder):
    found, todo = {folder}, [folder]
    while todo:
        for following in EDGES[todo.pop()]:
            if following not in found:
                found.add(following)
                todo.append(following)
    return found


def sources():
    for top in ('common',) + DAEMONS:
        for where, folders, files in os.walk(os.path.join(ROOT, top)):
            folders.sort()
            for name in sorted(files):
                if name.endswith(('.h', '.cc')):
                    path = os.path.relpath(os.path.join(where, name), ROOT)
                    with open(os.path.join(ROOT, path), errors='replace') as file:
                        yield path, file.read()


def folder_of(path):
    parts = path.split('/')
    return parts[1] if parts[0] == 'common' and len(parts) > 2 else parts[0]


def resolve(include, path):
    """The repository's file that a quoted include names, or None."""
    for base in ('common', '.', os.path.dirname(path)):
        candidate = os.path.normpath(os.path.join(base, include))
        if os.path.isfile(os.path.join(ROOT, candidate)):
            return candidate
    return None


def check_edges(texts):
    problems = []
    for path, text in texts.items():
        here = folder_of(path)
        if here not in EDGES:
            problems.append(f'{path}: folder {here} is not in the table of folders')
            continue
        allowed = reachable(here)
        for _, include in INCLUDE.findall(text):
            target = resolve(include, path)
            if target and folder_of(target) not in allowed:
                problems.append(f'{path} includes {include}: {here} may not know {folder_of(target)}')
    return problems


def check_decisions(texts):
    problems, pure = [], [path for path, text in texts.items() if MARKER in '\n'.join(text.splitlines()[:12])]
    for start in pure:
        came_from, todo = {start: None}, [start]
        while todo:
            path = todo.pop()
            for _, include in INCLUDE.findall(texts[path]):
                target = resolve(include, path)
                bad = target and folder_of(target) in ('net', 'http2') or not target and SOCKET_HEADERS.match(include)
                if bad:
                    way = [include, path]
                    while came_from[way[-1]]:
                        way.append(came_from[way[-1]])
                    problems.append(f'{" <- ".join(way)}: a decision must not reach sockets')
                elif target and target in texts and target not in came_from:
                    came_from[target] = path
                    todo.append(target)
    return problems, pure


def git(*words):
    done = subprocess.run(['git', '-c', f'safe.directory={ROOT}', '-C', ROOT, *words], capture_output=True, text=True)
    return done.stdout.splitlines() if done.returncode == 0 else None


def tracked_files():
    """All files of the tree: those git tracks, or, in an export without .git, all but build results."""
    files = git('ls-files')
    if files is not None:
        return files
    found = []
    for where, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in ('build', '.git', '__pycache__', '.cache')]
        found += [os.path.relpath(os.path.join(where, name), ROOT) for name in names]
    return found


def check_top(files):
    entries = {path.split('/')[0] for path in files}
    return [f'{entry} does not belong at the top' for entry in sorted(entries) if entry not in TOP and not entry.startswith('.')]


def check_paths(files):
    problems = []
    for path in files:
        try:
            with open(os.path.join(ROOT, path), 'rb') as file:
                if MACHINE_PATH.encode() in file.read():
                    problems.append(f'{path} mentions a path of one machine ({MACHINE_PATH})')
        except OSError:
            pass
    return problems


def check_licence(texts):
    return [f'{path}: the first line is not the licence line' for path, text in texts.items()
            if not text.startswith('// SPDX-License-Identifier: BSD-2-Clause')]


def option_names():
    """All options of the references, as `section.option`; names that users give are left out."""
    found = set()
    for daemon in DAEMONS:
        section = ''
        with open(os.path.join(ROOT, 'deploy', 'docs', f'{daemon}-options.md')) as file:
            for line in file:
                if heading := re.match(r'## (?:`\[+([\w.]+)\]+`|At the top)', line):
                    section = ''.join(part + '.' for part in (heading.group(1) or '').split('.') if part and part != 'NAME')
                elif row := re.match(r'\| `(\w+)` \|', line):
                    found.add(section + row.group(1))
    return found


def check_limits_page(texts):
    """deploy/docs/limits.md: options are in the references; metrics, reasons and tests exist. (That daemons show the metrics: scenario/limits_page.py.)"""
    with open(os.path.join(ROOT, 'deploy', 'docs', 'limits.md')) as file:
        page = file.read()
    code, options, problems = '\n'.join(texts.values()), option_names(), []
    names = set(re.findall(r'`([^`]+)`', page))
    for name in sorted(names):
        metric = re.fullmatch(r'(NAME|webfront|cachenode|balancer)(_\w+)', name)
        test = re.fullmatch(r'((?:scenario|unit)/\S+\.\w+)(?: (test_\w+))?', name)
        if metric:
            # The balancer makes those of frontends, backends and servers of two parts.
            parts = re.sub(r'^_(frontend|backend|server|queue)_', '', metric.group(2))
            good = f'"{metric.group(2)}"' in code or f'"{name}"' in code or f'"{parts}"' in code
        elif test:
            path = os.path.join(ROOT, 'tests', test.group(1))
            good = os.path.exists(path) and (not test.group(2) or f'def {test.group(2)}(' in open(path).read())
        elif re.fullmatch(r'[a-z_]+(\.[a-z_]+)+|[a-z]+(_[a-z]+)+', name) and not name.startswith('net.'):
            good = name in options
        elif re.fullmatch(r'[a-z0-9.]+(-[a-z0-9.]+)+', name):
            good = f'"{name}"' in code
        else:
            continue
        if not good:
            problems.append(f'`{name}` does not exist')
    return problems if len(names) > 100 else problems + ['the page has next to no names']


def long_functions(text):
    """Lines of each block that opens at the end of a line in column 0 or after a member's indentation; a rough measure."""
    found, start, name = [], None, ''
    for number, line in enumerate(text.splitlines(), 1):
        if start is None:
            opening = re.match(r'^([A-Za-z~].*[)\w>]) (const |noexcept |override |final )*\{$', line)
            if opening and '(' in line and not re.match(r'(namespace|class|struct|enum|union|extern)\b', line):
                start, name = number, re.sub(r'\(.*', '', line)
        elif line.startswith('}'):
            found.append((number - start + 1, name))
            start = None
    return found


def report_sizes(texts):
    for path, text in texts.items():
        lines = text.count('\n')
        if lines > FILE_LINES:
            print(f'note: {path} has {lines} lines')
        for length, name in long_functions(text):
            if length > FUNCTION_LINES:
                print(f'note: {path}: {name} has {length} lines')


def main():
    texts = dict(sources())
    files = tracked_files()
    decision_problems, pure = check_decisions(texts)
    checks = [
        ('edges between folders', check_edges(texts)),
        ('decisions reach no socket', decision_problems),
        ('decision files are marked', [] if pure or not texts else ['no file carries the marker ' + MARKER]),
        ('top-level entries', check_top(files)),
        ('no machine paths', check_paths(files)),
        ('licence lines', check_licence(texts)),
        ('page of limits', check_limits_page(texts)),
    ]
    report_sizes(texts)
    failed = 0
    for name, problems in checks:
        print(f'FAIL {name}: ' + '; '.join(problems[:20]) if problems else f'ok {name}')
        failed += bool(problems)
    print(f'{len(checks) - failed} passed, {failed} failed')
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
