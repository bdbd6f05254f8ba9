#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Definitions that others make: others.py GENERATOR ELEMENTS SCHEMA

virt-install(1) makes them with libvirt's test driver, for a machine that has all that UML has not; and one is in the shape
of OpenStack's. Only the type is changed. Each must become a guest, with a warning for whatever in it has no effect, and no
error. ELEMENTS is the program man/list-elements. Prints TAP.
"""

import concurrent.futures
import os
import pathlib
import re
import shlex
import subprocess
import sys
import xml.parsers.expat

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'generator'))

import golden
import manager
import schema
import scratch
import tap

# What is asked of virt-install, beside a name and memory.
VIRT_INSTALL = {
    'disk-raw': '--import --disk path=/srv/raw.img,format=raw,size=1',
    'disk-qcow2': '--import --disk path=/srv/a.qcow2,driver.type=qcow2,size=1',
    'disks': '--import --disk path=/srv/1.img,format=raw,size=1,bus=sata,serial=S1 '
             '--disk path=/srv/2.img,format=raw,size=1,bus=scsi,cache=none,discard=unmap,io=native,readonly=on '
             '--disk path=/srv/3.img,format=raw,size=1,shareable=on,startup_policy=optional '
             '--disk device=cdrom --disk device=floppy,path=/srv/fd.img,size=1,format=raw',
    'disk-iotune': '--import --disk path=/srv/1.img,format=raw,size=1,bus=sata,read_bytes_sec=1000000,write_iops_sec=100',
    'cdrom': '--cdrom /dev/null --disk path=/srv/raw.img,format=raw,size=1',
    'pxe': '--pxe --disk none --boot network',
    'graphics': '--import --disk none --graphics vnc,listen=0.0.0.0 --graphics spice --video virtio --sound ich9 '
                '--input tablet --input keyboard,bus=virtio',
    'networks': '--import --disk none --network default --network user,model=virtio '
                '--network bridge=br0,mac=52:54:00:12:34:56,model.type=virtio '
                '--network type=direct,source=eth0,source.mode=bridge '
                '--network network=default,mtu.size=1400,link.state=down --network type=ethernet,target.dev=tap0',
    'no-network': '--import --disk none --network none',
    'filesystems': '--import --disk none --filesystem /srv/share,/mnt/share '
                   '--filesystem source=/srv/b,target=b,accessmode=mapped,driver.type=virtiofs,readonly=on '
                   '--memorybacking source.type=memfd,access.mode=shared',
    'small-devices': '--import --disk none --tpm emulator,model=tpm-crb,version=2.0 --watchdog i6300esb,action=poweroff '
                     '--rng /dev/urandom --memballoon virtio --panic default --vsock cid.auto=yes '
                     '--controller scsi,model=virtio-scsi --redirdev none',
    'other-devices': '--import --disk none --controller usb,model=none --smartcard host --audio type=none '
                     '--shmem shm0,model.type=ivshmem-plain --iommu model=intel',
    'hostdev': '--import --disk none --hostdev type=pci,address.domain=0,address.bus=1,address.slot=2,address.function=0',
    'vcpus': '--import --disk none --vcpus 4,maxvcpus=8,sockets=2,cores=2,threads=2,cpuset=0-3 --cpu host-passthrough,+x2apic',
    'cputune': '--import --disk none --vcpus 2 --cputune vcpupin0.vcpu=0,vcpupin0.cpuset=0-3,vcpupin1.vcpu=1,vcpupin1.cpuset=2,'
               'emulatorpin.cpuset=1,shares=2048,period=100000,quota=50000,global_period=100000,global_quota=150000,'
               'vcpusched0.vcpus=0,vcpusched0.scheduler=fifo,vcpusched0.priority=3,cachetune0.vcpus=0-1',
    'memtune': '--import --disk none --memory 1024,maxmemory=2048,hotplugmemorymax=4096,hotplugmemoryslots=2 '
               '--memtune hard_limit=4000000,soft_limit=3000000,swap_hard_limit=5000000,min_guarantee=100000 '
               '--memorybacking hugepages=on,locked=on,nosharepages=yes,discard=yes,allocation.mode=immediate',
    'blkiotune': '--import --disk none --blkiotune weight=200,device0.path=/dev/sda,device0.weight=500,device0.read_bytes_sec=1000000',
    'numatune': '--import --disk none --numatune memory.nodeset=0-1,memory.mode=interleave,'
                'memnode0.cellid=0,memnode0.mode=strict,memnode0.nodeset=0',
    'kernel': '--import --disk none --boot kernel=/usr/bin/linux.uml,initrd=/srv/initrd.img,dtb=/srv/x.dtb,'
              'cmdline="root=/dev/ubda rw quiet"',
    'firmware': '--import --disk none --boot loader=/usr/share/OVMF/OVMF_CODE.fd,loader_ro=yes,loader_type=pflash,'
                'nvram_template=/usr/share/OVMF/OVMF_VARS.fd,bootmenu.enable=yes,smbios.mode=emulate',
    'init': '--import --disk none --boot init=/sbin/init,initargs="foo bar"',
    'lines': '--import --disk none --console pty,target_type=virtio --serial pty --serial file,path=/var/log/serial1 '
             '--serial tcp,host=127.0.0.1:2222,mode=bind,protocol=telnet --serial unix,path=/run/line,mode=bind '
             '--serial udp,host=127.0.0.1:1234,bind_host=0.0.0.0:4321 --serial null --serial dev,path=/dev/ttyS0 '
             '--serial pty,log.file=/var/log/serial,log.append=off --parallel pty '
             '--channel unix,target_type=virtio,name=org.qemu.guest_agent.0 --channel spicevmc',
    'texts': '--import --disk none --metadata '
             'title="A title",description="One, two",uuid=b4433fc2-a22e-ffb3-0a3d-9c173b395800,genid_enable=yes',
    'labels': '--import --disk none --seclabel type=static,label=system_u:system_r:svirt_t:s0,model=selinux,relabel=yes '
              '--seclabel model=dac,type=static,label=+1000:+1000',
    'label-dynamic': '--import --disk none --seclabel type=dynamic,model=selinux',
    'resources': '--import --disk none --iothreads 2 --resource partition=/machine/production '
                 '--idmap uid.start=0,uid.target=1000,uid.count=10',
    'clock': '--import --disk none --clock offset=localtime,hpet_present=no,rtc_tickpolicy=merge '
             '--pm suspend_to_mem=yes,suspend_to_disk=no --features acpi=on,apic=on,pae=on,hyperv_relaxed=on',
    'events': '--import --disk none --events on_poweroff=destroy,on_reboot=restart,on_crash=preserve,on_lockfailure=pause',
    'events-coredump': '--import --disk none --events on_crash=coredump-restart',
    'sysinfo': '--import --disk none --sysinfo emulate --qemu-commandline="-display gtk"',
}

# As nova.virt.libvirt.config would write it for an instance.
NOVA = """<domain type="kvm">
  <uuid>b4433fc2-a22e-ffb3-0a3d-9c173b395800</uuid>
  <name>nova</name>
  <memory>524288</memory>
  <memoryBacking><locked/><access mode="shared"/><allocation mode="immediate"/></memoryBacking>
  <memtune><hard_limit unit="KiB">2000000</hard_limit><soft_limit unit="KiB">1000000</soft_limit></memtune>
  <numatune><memory mode="strict" nodeset="0,1"/></numatune>
  <vcpu cpuset="0-3">2</vcpu>
  <metadata>
    <nova:instance xmlns:nova="http://openstack.org/xmlns/libvirt/nova/1.1">
      <nova:name>web</nova:name>
      <nova:flavor name="m1.small"><nova:memory>512</nova:memory><nova:vcpus>2</nova:vcpus></nova:flavor>
      <nova:owner><nova:user uuid="1">joe</nova:user></nova:owner>
    </nova:instance>
  </metadata>
  <sysinfo type="smbios"><system><entry name="product">OpenStack Nova</entry></system></sysinfo>
  <os><type machine="pc">hvm</type><kernel>/usr/bin/linux.uml</kernel><cmdline>root=/dev/ubdb</cmdline><smbios mode="sysinfo"/></os>
  <features><acpi/><apic/></features>
  <cputune>
    <shares>2048</shares><quota>50000</quota><period>100000</period>
    <emulatorpin cpuset="3"/><vcpupin vcpu="0" cpuset="1,2"/>
  </cputune>
  <clock offset="utc"><timer name="pit" tickpolicy="delay"/><timer name="hpet" present="no"/></clock>
  <cpu mode="host-model" match="exact"><topology sockets="2" cores="1" threads="1"/></cpu>
  <devices>
    <disk type="file" device="disk">
      <driver name="qemu" type="qcow2" cache="none"/>
      <source file="/var/lib/nova/instances/1/disk"/>
      <target dev="vda" bus="virtio"/>
    </disk>
    <disk type="file" device="disk">
      <driver name="qemu" type="raw" cache="none" discard="unmap"/>
      <source file="/var/lib/nova/instances/1/disk.eph0"/>
      <target dev="vdb" bus="virtio"/>
      <serial>b4433fc2-a22e-ffb3-0a3d-9c173b395801</serial>
    </disk>
    <disk type="file" device="cdrom">
      <driver name="qemu" type="raw" cache="none"/>
      <source file="/var/lib/nova/instances/1/disk.config"/>
      <target dev="hda" bus="ide"/>
    </disk>
    <disk type="block" device="disk">
      <driver name="qemu" type="raw" cache="none" io="native"/>
      <source dev="/dev/disk/by-path/ip-10.0.0.1"/>
      <target dev="vdc" bus="virtio"/>
      <iotune><read_iops_sec>100</read_iops_sec><total_bytes_sec>1048576</total_bytes_sec></iotune>
    </disk>
    <disk type="network" device="disk">
      <driver name="qemu" type="raw" cache="writeback"/>
      <source protocol="rbd" name="volumes/volume-1"><host name="10.0.0.1" port="6789"/></source>
      <auth username="cinder"><secret type="ceph" uuid="b4433fc2-a22e-ffb3-0a3d-9c173b395800"/></auth>
      <target dev="vdd" bus="virtio"/>
    </disk>
    <interface type="bridge">
      <mac address="fa:16:3e:00:00:01"/>
      <model type="virtio"/>
      <driver name="vhost" queues="4"/>
      <source bridge="qbr1234"/>
      <mtu size="1450"/>
      <target dev="tap1234"/>
      <filterref filter="nova-instance-1"><parameter name="IP" value="10.0.0.5"/></filterref>
      <bandwidth><inbound average="1000"/><outbound average="1000"/></bandwidth>
    </interface>
    <interface type="ethernet">
      <mac address="fa:16:3e:00:00:02"/>
      <model type="virtio"/>
      <script path=""/>
      <mtu size="1450"/>
      <target dev="tap5678"/>
    </interface>
    <serial type="pty"><log file="/var/lib/nova/instances/1/console.log" append="off"/></serial>
    <console type="pty"><log file="/var/lib/nova/instances/1/console.log" append="off"/></console>
    <input type="tablet" bus="usb"/>
    <graphics type="vnc" autoport="yes" listen="0.0.0.0"/>
    <video><model type="virtio"/></video>
    <rng model="virtio"><rate period="1000" bytes="100"/><backend model="random">/dev/urandom</backend></rng>
    <watchdog model="i6300esb" action="reset"/>
    <memballoon model="virtio"><stats period="10"/></memballoon>
  </devices>
</domain>
"""


# Making them

def virt_install(name, home):
    """Its XML, or a RuntimeError with what it says. It looks for no files, and writes a log below home."""
    arguments = shlex.split(VIRT_INSTALL[name])
    memory = [] if '--memory' in arguments else ['--memory', '256']
    result = subprocess.run(['virt-install', '--connect', 'test:///default', '--name', name, '--print-xml', '1', '--check', 'all=off',
                             '--osinfo', 'detect=on,require=off', *memory, *arguments],
                            env={'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'HOME': home, 'XDG_CACHE_HOME': home, 'LC_ALL': 'C.UTF-8'},
                            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    if result.returncode != 0 or '<domain' not in result.stdout:
        raise RuntimeError(f'virt-install --name {name}: {result.returncode}: {result.stderr}')
    return result.stdout


def for_uml(text):
    return re.sub('<domain type="[a-z]+"', '<domain type="uml"', text, count=1)


def made(home):
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        texts = dict(zip(VIRT_INSTALL, pool.map(lambda name: virt_install(name, home), VIRT_INSTALL)))
    return {name: for_uml(text) for name, text in {**texts, 'nova': NOVA}.items()}


# What becomes of them

class Result:
    """Of all definitions at once: what the generator says, and what systemd makes of it."""

    def __init__(self, generator, texts):
        with manager.bed(generator) as bed:
            root, output = pathlib.Path(bed.path, 'root'), pathlib.Path(bed.path, 'output')
            (root / 'etc/uml').mkdir(parents=True)
            output.mkdir()
            for name, text in texts.items():
                (root / f'etc/uml/{name}.xml').write_text(text)
            result = subprocess.run([bed.generator, output], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                                    env={'UML_GENERATOR_ROOT': str(root), 'SYSTEMD_SCOPE': 'system', **scratch.sanitizers()})
            os.unlink(bed.generator)
            self.status, self.lines = result.returncode, result.stderr.splitlines()
            for path in output.glob('*/*.conf'):
                directory = pathlib.Path(bed.units, path.parent.name)
                directory.mkdir(exist_ok=True)
                (directory / path.name).write_bytes(path.read_bytes())
            with open(os.path.join(bed.units, 'uml.target'), 'a') as target:
                target.write('\n[Unit]\n' + ''.join(f'Wants=uml@{name}.service\n' for name in texts))
            self.units, self.complaints = bed.load()

    def warnings(self, name):
        """By line and column."""
        found = {}
        for line in self.lines:
            match = re.match(rf'/etc/uml/{name}\.xml:(\d+):(\d+): warning: (.*)', line)
            if match:
                found.setdefault((int(match[1]), int(match[2])), []).append(match[3])
        return found


def check_status(result):
    problems = [line for line in result.lines if ': warning: ' not in line or not golden.MESSAGE.match(line)]
    return problems + ([f'the exit status is {result.status}'] if result.status else [])


def check_unit(result, name):
    unit = result.units.get(f'uml@{name}.service')
    if not unit:
        return ['systemd does not load the unit']
    command = unit.commands['ExecStart']
    problems = [] if len(command) == 1 and '--refused' not in command[0] and f'--name={name}' in command[0] else [f'its command is {command}']
    return problems + [line for line in result.complaints.splitlines() if f'uml@{name}.service.d/' in line]


# The warning is about the element with all that is in it.
WHOLE = re.compile('is ignored: |> is not supported; ignored|left out: |is left out|> is ignored|> is refused: |is refused: this version')
# Elements that have their effect, or none, by themselves, with whatever is in them.
OPAQUE = {'metadata', 'devices/memballoon', 'devices/rng/backend'}


class Coverage:
    """Walks through a definition: each element and attribute is in the table, or has a warning at its place."""

    def __init__(self, text, known, warnings):
        self.known, self.warnings, self.problems = known, warnings, []
        self.path, self.covered = [], None  # covered: how deep the element is in which nothing more is looked at
        self.parser = xml.parsers.expat.ParserCreate()
        self.parser.StartElementHandler, self.parser.EndElementHandler = self.begin, self.end
        self.parser.Parse(text.encode(), True)

    def begin(self, name, attributes):
        self.path.append(name)
        if self.covered is None:
            self.look('/'.join(self.path[1:]), attributes)

    def end(self, name):
        if self.covered == len(self.path):
            self.covered = None
        self.path.pop()

    def look(self, path, attributes):
        place = self.parser.CurrentLineNumber, self.parser.CurrentColumnNumber + 1
        said = self.warnings.get(place, [])
        entry = path if path in self.known else re.sub('^devices/[a-z]+/', 'devices/*/', path)
        known = self.known.get(entry)
        if any(WHOLE.search(text) and 'attribute' not in text for text in said) or path in OPAQUE:
            self.covered = len(self.path)
        elif known is None:
            self.problems.append(f'{place[0]}:{place[1]}: <{path}> has no effect, and no warning')
            self.covered = len(self.path)
        else:
            self.problems += [f'{place[0]}:{place[1]}: <{path} {name}=> has no effect, and no warning' for name in attributes
                              if name not in known and not any(f'attribute {name} ' in text for text in said)]


def check_coverage(result, name, text, known):
    return Coverage(text, known, result.warnings(name)).problems


def check_schema(rng, result, texts):
    """Valid, unless they have what is not known."""
    with scratch.directory() as directory:
        paths = {}
        for name, text in texts.items():
            paths[name] = os.path.join(directory, f'{name}.xml')
            pathlib.Path(paths[name]).write_text(text)
        said = schema.validate(rng, paths.values())
        problems = []
        for name, path in paths.items():
            unknown = any('not supported' in text for texts in result.warnings(name).values() for text in texts)
            if unknown != (said[path] is not None):
                problems.append(f'{name}: {said[path] or "is valid, with something that is not known"}')
        return problems


def main():
    generator, program, rng = sys.argv[1:]
    report, known = tap.Report(), schema.table(program)
    with scratch.directory() as home:
        texts = made(home)
    result = Result(os.path.abspath(generator), texts)
    report.run("definitions of virt-install's and OpenStack's shape: no error, and warnings with their places", check_status, result)
    for name, text in texts.items():
        report.run(f'{name}: systemd loads the unit', check_unit, result, name)
        report.run(f'{name}: a warning for each thing without an effect', check_coverage, result, name, text, known)
    report.add('without the warnings, things without an effect would be found',
               [name for name, text in texts.items() if len(Coverage(text, known, {}).problems) < 5])
    report.run('the schema takes them', check_schema, rng, result, texts)
    return report.end()


if __name__ == '__main__':
    sys.exit(main())
