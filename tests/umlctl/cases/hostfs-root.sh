exec ./linux mem=512M rootfstype=hostfs rootflags=/ rw init=/bin/bash con=null con0=fd:0,fd:1
