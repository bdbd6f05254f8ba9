/usr/bin/linux.uml mem=64M umid=taps ubda=/srv/root vec0:mac=52:54:00:00:00:01,transport=tap,ifname=tap1 vec1:transport=tap,ifname=tap2,mtu=1400
