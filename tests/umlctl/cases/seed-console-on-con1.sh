linux-2.6.9 mem=64M ubd0=Debian-3.0r2.ext2 con=null con0=null,fd:2 con1=fd:0,fd:1 devfs=nomount
