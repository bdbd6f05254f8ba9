#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""How long the generator takes: generator.py BUILD [SECONDS]

From posix_spawn() to the end of the process, definitions and output on a tmpfs, beside xmllint(1) with the same files
and one of systemd's own generators with nothing to do, in turns. Medians; SECONDS are for each number of definitions.
"""

import os
import shutil
import sys
import tempfile

import measure

NUMBERS = (0, 1, 10, 100, 1000)
STOCK = ('systemd-fstab-generator', 'systemd-getty-generator')
DEFINITION = '''<domain type='uml'>
  <name>guest{0}</name>
  <uuid>b4433fc2-a22e-ffb3-0a3d-9c173b39{0:04}</uuid>
  <title>Guest number {0}</title>
  <memory unit='MiB'>512</memory>
  <currentMemory unit='MiB'>256</currentMemory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64'>uml</type>
    <kernel>/usr/bin/linux.uml</kernel>
    <root>/dev/ubda</root>
    <cmdline>ro quiet</cmdline>
  </os>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <disk type='file' device='disk'>
      <source file='/srv/uml/guest{0}.img'/>
      <target dev='ubd0' bus='uml'/>
    </disk>
    <console type='pty'>
      <target port='0'/>
    </console>
  </devices>
</domain>
'''


class Bench:
    def __init__(self, generator, number, directory):
        self.generator, self.root, self.output = generator, os.path.join(directory, 'root'), os.path.join(directory, 'output')
        definitions = os.path.join(self.root, 'etc/uml')
        os.makedirs(definitions)
        self.files = [os.path.join(definitions, f'guest{i}.xml') for i in range(number)]
        for i, path in enumerate(self.files):
            with open(path, 'w') as f:
                f.write(DEFINITION.format(i))

    def run(self, command):
        os.mkdir(self.output)
        outputs = [os.path.join(self.output, name) for name in ('normal', 'early', 'late')]
        for path in outputs:
            os.mkdir(path)
        seconds, status = measure.spawn([*command, *outputs] if command[0] != XMLLINT else command,
                                        {'SYSTEMD_SCOPE': 'system', 'UML_GENERATOR_ROOT': self.root})
        made = len(os.listdir(outputs[0]))
        shutil.rmtree(self.output)
        if command[0] == self.generator and (status, made) != (0, len(self.files) + bool(self.files)):
            sys.exit(f'{self.generator}: status {status}, {made} directories for {len(self.files)} definitions')
        return seconds

    def programs(self):
        programs = {'ours': lambda: self.run([self.generator])}
        if XMLLINT and self.files:
            programs['xmllint'] = lambda: self.run([XMLLINT, '--noout', *self.files])
        if stock():
            programs['stock'] = lambda: self.run([stock()])
        return programs


XMLLINT = shutil.which('xmllint')


def stock():
    paths = (os.path.join(base, 'systemd/system-generators', name) for name in STOCK for base in ('/usr/lib', '/lib'))
    return next(filter(os.path.exists, paths), None)


def row(generator, number, seconds):
    base = '/dev/shm' if os.access('/dev/shm', os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=base) as directory:
        times = measure.rounds(Bench(generator, number, directory).programs(), seconds)
    medians = {name: measure.median(times.get(name)) for name in ('ours', 'xmllint', 'stock')}
    ratios = [f'{medians["ours"] / medians[name]:.2f}' if medians[name] else '-' for name in ('xmllint', 'stock')]
    return (number, measure.milliseconds(medians['ours']), measure.milliseconds(min(times['ours'])),
            measure.milliseconds(medians['xmllint']), ratios[0], measure.milliseconds(medians['stock']), ratios[1], len(times['ours']))


def main(build, seconds=4):
    generator = os.path.join(os.path.abspath(build), 'generator/uml-generator')
    print(f'milliseconds, medians; stock is {os.path.basename(stock() or "missing")}')
    measure.table(('definitions', 'ours', 'least', 'xmllint', 'ratio', 'stock', 'ratio', 'rounds'),
                  [row(generator, number, float(seconds)) for number in NUMBERS])


if __name__ == '__main__':
    main(*sys.argv[1:])
