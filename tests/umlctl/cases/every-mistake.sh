linux mem=64 umid=-x ubd16=/a ubd0q=/b ubd0d=/c,/d ubd1=/e,/f,g,h ubd1=/i ubd2=,/j udb0=/k con16=null con0=foo ssl64=pts \
  vec0:transport=raw vec1:transport=tap,ifname=a,ifname=b vec2:ifname=x vec3:transport=gre,src=a,dst=b,rx_key=1 vec4:transport=tap,fd=3 \
  vec5:transport=tap,ifname=a/b vec6:transport=bess,dst=/s,mac=01:00:00:00:00:01 vec7:transport=fd,fd=x vec8:nonsense vec32:transport=tap \
  eth9=slirp eth10=mcast eth11=pcap,eth0 eth12=nothing eth13=tuntap,a,b,c,d eth6=tuntap,tap0 \
  uml.share=srv:x uml.share=/a:b uml.share=/c:b hostfs=/x,y initrd= dtb=/a,/b 'a"b' --help -- --version
