# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whether the manual pages have all that users can meet: what the programs and sources know is compared with the
pages' text, in both directions where the page has a list of its own. Prints TAP."""

import argparse
import json
import os
import pathlib
import re
import shlex
import subprocess
import tempfile

ESCAPES = {r'\-': '-', r'\&': '', r'\(aq': "'", r'\(dq': '"', r'\(bu': '*', r'\e': '\\'}
ALTERNATING = {'.BR', '.RB', '.IR', '.RI', '.BI', '.IB'}


def plain(text):
    """Text of a roff source line without fonts and escapes."""
    text = re.sub(r'\\f(\(..|.)', '', text)
    return re.sub(r'\\(\(..|.)', lambda match: ESCAPES.get(match[0], '?'), text)


def macro_text(line):
    """What a line prints, if it prints anything: arguments of font macros, or the line itself."""
    macro, _, rest = line.partition(' ')
    if not line.startswith('.'):
        return plain(line)
    if macro in ALTERNATING:
        return plain(''.join(arguments(rest)))
    if macro in ('.B', '.I', '.SM', '.TH', '.SH', '.SS'):
        return plain(' '.join(arguments(rest)))
    return ''


def arguments(text):
    lexer = shlex.shlex(text, posix=True)
    lexer.whitespace_split, lexer.quotes, lexer.escape, lexer.commenters = True, '"', '', ''
    return list(lexer)


class Page:
    def __init__(self, path):
        self.path = path
        self.lines = [line for line in path.read_text().splitlines() if not line.startswith('.\\"')]

    def text(self, section=None):
        return '\n'.join(macro_text(line) for line in self.section(section))

    def section(self, title):
        """Lines of the section, or of the page."""
        if not title:
            return self.lines
        begin = next(i for i, line in enumerate(self.lines) if line.replace('"', '') == f'.SH {title}') + 1
        rest = self.lines[begin:]
        return rest[:next((i for i, line in enumerate(rest) if line.startswith('.SH ')), len(rest))]

    def tags(self, section):
        """What stands at the left of the lists' items, in order."""
        lines = self.section(section)
        return [macro_text(lines[i + 1]) for i, line in enumerate(lines) if line == '.TP']


class Tap:
    def __init__(self):
        self.n, self.failed = 0, False

    def check_same(self, what, known, documented):
        self.check(what, [f'not documented: {item}' for item in sorted(known - documented)] +
                   [f'documented, but unknown: {item}' for item in sorted(documented - known)], known)

    def check_in(self, what, known, text):
        missing = [item for item in sorted(known) if not re.search(rf'(?<![\w-]){re.escape(item)}(?![\w-])', text)]
        self.check(what, [f'not documented: {item}' for item in missing], known)

    def check(self, what, problems, known):
        if not known:
            problems = ['the sources have none; is this test out of date?']
        self.n += 1
        self.failed |= bool(problems)
        print(f"{'not ok' if problems else 'ok'} {self.n} - {what}")
        for problem in problems:
            print(f'# {problem}')


def output(command, *arguments):
    return subprocess.run([command, *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


def expanded(text):
    """All that a text with braces stands for, as in a shell."""
    if match := re.search(r'{([^{}]*)}', text):
        for part in match[1].split(','):
            yield from expanded(text[:match.start()] + part + text[match.end():])
    else:
        yield text


def known_elements(program):
    """Elements that mean something, by path, and attributes as PATH ATTRIBUTE=."""
    for line in output(program).splitlines():
        path, *attributes = line.split()
        if attributes[:1] != ['!']:
            yield path
            yield from (f'{path} {attribute}=' for attribute in attributes)


def documented_elements(page):
    paths = []
    for tag in page.tags('ELEMENTS'):
        if '=' not in tag:
            paths = list(expanded(tag))
            yield from paths
        else:
            yield from (f'{path} {attribute}' for path in paths for attribute in tag.split(', '))


def known_ignored(program):
    """Elements that mean nothing, as PATH: REASON."""
    for line in output(program).splitlines():
        path, ignored, reason = line.partition(' ! ')
        if ignored:
            yield f'{path}: {reason}'


def documented_ignored(page):
    """A list's tag is the reason, its body the paths."""
    reason, lines = None, page.section('IGNORED ELEMENTS')
    for previous, line in zip([''] + lines, lines):
        if previous == '.TP':
            reason = macro_text(line)
        elif reason and line != '.TP':
            yield from (f'{path}: {reason}' for word in macro_text(line).split() for path in expanded(word.rstrip(',')))


def documented_settings(page):
    """As [SECTION] KEY=, of the subsections of SETTINGS."""
    section, lines = None, page.section('SETTINGS')
    for line, following in zip(lines, lines[1:] + ['']):
        if line.startswith('.SS '):
            section = macro_text(line)
        elif line == '.TP':
            yield f'{section} {macro_text(following)}'


def settings_of_file(lines):
    """As [SECTION] KEY=, of a file whose settings are commented out."""
    section = None
    for line in lines:
        if line.startswith('['):
            section = line
        elif match := re.match(r'#(\w+=)', line):
            yield f'{section} {match[1]}'


def complaints_of_settings(program, texts):
    """What is wrong with texts of uml.conf."""
    for text in texts:
        with tempfile.NamedTemporaryFile('w', suffix='.conf') as f:
            f.write(text)
            f.flush()
            result = subprocess.run([program, f.name], stdout=subprocess.PIPE, text=True)
            yield from result.stdout.splitlines()
            if result.returncode:
                yield f'exit status {result.returncode}'


def example_settings(page):
    """Each block of lines in EXAMPLES that begins with the head of a section."""
    for block in re.findall(r'^\.nf$\n(.*?)^\.fi$', '\n'.join(page.section('EXAMPLES')), re.M | re.S):
        text = '\n'.join(macro_text(line) for line in block.splitlines())
        if text.startswith('['):
            yield text + '\n'


def known_options(program):
    for line in output(program, '--help').splitlines():
        if match := re.match(r' +(?:-\w )? *(--[a-z-]+)', line):
            yield match[1]


def documented_options(page):
    for tag in page.tags('OPTIONS'):
        yield from re.findall(r'--[a-z-]+', tag)


def known_verbs(program):
    """In the help they stand at the left, with their arguments."""
    for line in output(program, '--help').splitlines()[1:]:
        if match := re.match(r'([a-z-]+)( [a-z-]+)? [A-Z]', line):
            yield match[1] + (match[2] or '')


def documented_verbs(page):
    for tag in page.tags('VERBS'):
        yield re.match('[a-z -]+', tag)[0].strip(' -')


def known_statuses(source):
    return {f'{number} {name}' for name, number in
            re.findall(r'^#define (STATUS_\w+) (\d+)', (source / 'helper/helper.h').read_text(), re.M)}


def documented_statuses(page):
    return {f'{number} {name}' for number, name in re.findall(r'^(\d+)\t(STATUS_\w+)', page.text('EXIT STATUS'), re.M)}


def known_fields(source):
    return {field for path in (source / 'helper').glob('*.c') for field in re.findall('(?<![A-Z_])UML_[A-Z_]+=', path.read_text())}


def known_events(source):
    """Name and message id, as `READY id`."""
    return {f'{name} {number}' for name, number in re.findall(r'^#define EVENT_(\w+) "([0-9a-f]{32})"$', (source / 'helper/events.h').read_text(), re.M)}


def documented_events(page):
    return {f'{name} {number}' for name, number in re.findall(r'^(\w+)\t([0-9a-f]{32})', page.text('JOURNAL'), re.M)}


def explained_events(source):
    return set(re.findall('^-- ([0-9a-f]{32})$', (source / 'units/uml-systemd.catalog').read_text(), re.M))


def installed_names(build):
    """Names of everything that is installed, but for the manual itself."""
    installed = json.loads((build / 'meson-info/intro-installed.json').read_text())
    return {pathlib.Path(path).name for path in installed.values() if '/man/' not in path}


def examples(page):
    """Definitions that the page shows, by name; a shell would expand $HOME."""
    for text in re.findall(r'^<domain [^\n]*>\n.*?^</domain>$', page.text(), re.M | re.S):
        yield re.search('<name>(.*)</name>', text)[1], text.replace('$HOME', '/home/user')


def complaints(generator, definitions):
    """What the generator says of definitions."""
    with tempfile.TemporaryDirectory() as root:
        etc, out = pathlib.Path(root, 'etc/uml'), pathlib.Path(root, 'out')
        etc.mkdir(parents=True)
        out.mkdir()
        for name, text in definitions.items():
            (etc / f'{name}.xml').write_text(text)
        environment = dict(os.environ, UML_GENERATOR_ROOT=root, SYSTEMD_SCOPE='system')
        result = subprocess.run([generator, out], env=environment, stderr=subprocess.PIPE, text=True)
        return result.stderr.splitlines() + ([f'exit status {result.returncode}'] if result.returncode else [])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for program in ('elements', 'settings', 'generator', 'helper', 'umlctl'):
        parser.add_argument(f'--{program}', required=True)
    for directory in ('source', 'build'):
        parser.add_argument(f'--{directory}', required=True, type=pathlib.Path)
    given = parser.parse_args()

    pages = {path.name: Page(path) for path in sorted((given.source / 'man').glob('*.[1-9]'))}
    helper, service, xml, conf = (pages[name] for name in ('uml-helper.8', 'uml@.service.8', 'uml.xml.5', 'uml.conf.5'))
    default_file = (given.source / 'units/uml.conf').read_text()
    fields = {tag for tag in service.tags('JOURNAL') if tag.startswith('UML_')}

    tap = Tap()
    tap.check_same('uml.xml(5) has all elements and attributes', set(known_elements(given.elements)), set(documented_elements(xml)))
    tap.check_same('uml.xml(5) has all ignored elements, with the reasons', set(known_ignored(given.elements)), set(documented_ignored(xml)))
    settings = set(output(given.settings).splitlines())
    tap.check_same('uml.conf(5) has all settings', settings, set(documented_settings(conf)))
    tap.check_same('the default uml.conf has all settings', settings, set(settings_of_file(default_file.splitlines())))
    texts = [re.sub(r'^#(?=\w)', '', default_file, flags=re.M), *example_settings(conf)]
    tap.check('the default uml.conf and the examples of uml.conf(5) are good', list(complaints_of_settings(given.settings, texts)), texts[1:])
    tap.check_same('uml-helper(8) has all options', set(known_options(given.helper)), set(documented_options(helper)))
    tap.check_same('umlctl(1) has all options', set(known_options(given.umlctl)), set(documented_options(pages['umlctl.1'])))
    tap.check_same('umlctl(1) has all verbs', set(known_verbs(given.umlctl)), set(documented_verbs(pages['umlctl.1'])))
    tap.check_same('uml-helper(8) has all exit statuses', known_statuses(given.source), documented_statuses(helper))
    tap.check_same('uml@.service(8) has all journal fields', known_fields(given.source), fields)
    events = known_events(given.source)
    tap.check_same('uml@.service(8) has all message ids', events, documented_events(service))
    tap.check_same('the catalog explains all message ids', {event.split()[1] for event in events}, explained_events(given.source))
    for page in (xml, service):
        shown = list(examples(page))
        definitions = dict(shown)
        problems = [] if len(definitions) == len(shown) else ['two of them have one name']
        tap.check(f'the examples of {page.path.name} are good definitions', problems + complaints(given.generator, definitions), definitions)
    tap.check_in('every installed file is in some page', installed_names(given.build), '\n'.join(page.text() for page in pages.values()))
    print(f'1..{tap.n}')
    return 1 if tap.failed else 0


if __name__ == '__main__':
    raise SystemExit(main())
