/usr/bin/linux.uml mem=64M umid=spaces 'dyndbg="file a.c +p"' a="b c" quiet '' ' ' -- 'a b' '"c d"'
