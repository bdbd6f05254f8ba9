/usr/bin/linux.uml mem=512M umid=build root=/dev/root rootfstype=hostfs hostfs=/srv/build rootflags=/root quiet
