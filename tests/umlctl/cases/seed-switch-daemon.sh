linux-2.6.9 mem=64M ubd0=debian-sid.ext3 con=null con0=null,fd:2 con1=fd:0,fd:1 devfs=nomount eth0=daemon,,unix,/var/run/uml-utilities/uml_switch.ctl
