/usr/bin/linux.uml mem=64M umid=markup ubd0d='/srv/<a>&'\''b'\' con1=null,fd:3 a='<&>"'\''"' 'two words & <more>' 3>"/var/log/<x>&'y'"
