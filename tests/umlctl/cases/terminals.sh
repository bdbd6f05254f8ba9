/usr/bin/linux.uml umid=terminals mem=96m con=pts con0=xterm con1=port:9000 con2=tty:/dev/tty8 con3=fd:7 con4=null,fd:5 con5=pty,pts con6=fd:0,null ssl=pts 5>/var/log/con4 9>>/var/log/unused
