/usr/bin/linux.uml mem=1024M initrd=/tmp/initramfs.gz noreboot panic=-1 con=none con0=null,fd:1 kunit.filter_glob='list*' -- -v 'one two'
