#!/bin/sh
# Starts the web guest. Kept in /etc/rc.local's place.

TMPDIR=/dev/shm nohup /usr/bin/linux.uml \
    mem=256M umid=web uml_dir=/var/run/uml \
    ubd0s=/srv/uml/web.img ubd1r='/srv/uml/common-data.img' \
    eth0=tuntap,tap-web,fe:fd:c0:a8:0:fd,192.168.0.254 \
    con0=fd:0,fd:1 con=null ssl=null \
    root=98:0 ro "systemd.unit=rescue.target" \
    </dev/null >/var/log/uml-web.log 2>&1 &
