/usr/bin/linux.uml mem=64M umid=old ubda=/srv/root eth0=tuntap,,,10.0.0.1 eth1=tuntap,tap1,,10.0.1.1 eth2=tuntap,tap2,fe:fd:0:0:0:2
